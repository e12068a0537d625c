# PostgreSQL with the output plugin wal2json; pgoutput, which capture uses, is built in.
FROM postgres:18
RUN apt-get update \
 && apt-get install -y --no-install-recommends postgresql-18-wal2json \
 && rm -rf /var/lib/apt/lists/*
