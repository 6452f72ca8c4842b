#!/usr/bin/env python
"""Django's command line, with the embedded servers started first where a command needs them."""

import os
import sys

from django.core.management import execute_from_command_line

from config.lib import devservices
from config.lib.management.commands.devservices import Command as DevServices

# These work on the code alone; every other command may open a connection.
WITHOUT_SERVERS = {"", "help", "--help", "-h", "version", "--version", "collectstatic", "makemessages", "startapp"}


def main() -> None:
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command == "devservices":
        # Before any settings: it must work without SECRET_KEY and without the database that it starts.
        DevServices().run_from_argv(sys.argv)
        return
    if command not in WITHOUT_SERVERS:
        devservices.ensure()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
