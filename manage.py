#!/usr/bin/env python
"""Django's command line, with the embedded servers started first where a command needs them."""

import os
import sys
from contextlib import ExitStack

from django.core.management import execute_from_command_line

from config.lib import devservices
from config.lib.management.commands.devservices import Command as DevServices

# These work on the code alone; every other command may open a connection.
WITHOUT_SERVERS = {"", "help", "--help", "-h", "version", "--version", "collectstatic", "makemessages", "startapp"}

# Everything that this one starts ends with it.
STOPS_THE_SERVERS = {"demo"}

# These kill servers and fill them: they get a pair of their own.
HARMS_THE_SERVERS = {"bench", "chaos", "load"}


def main() -> None:
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command == "devservices":
        # Before any settings: it must work without SECRET_KEY and without the database that it starts.
        DevServices().run_from_argv(sys.argv)
        return
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    with ExitStack() as stack:
        if command in STOPS_THE_SERVERS:
            stack.enter_context(devservices.borrowed())
        elif command in HARMS_THE_SERVERS:
            stack.enter_context(devservices.throwaway())
        elif command not in WITHOUT_SERVERS:
            devservices.ensure()
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
