#!/bin/sh
# A standby: copies the primary the first time, and then follows it.
set -eu
data=/var/lib/postgresql/data
if [ ! -s "$data/PG_VERSION" ]; then
  PGPASSWORD=$(cat /run/secrets/postgres-password)
  export PGPASSWORD
  pg_basebackup -d "host=primary user=sunshine application_name=standby" -D "$data" -X stream
  chmod 0700 "$data"
  {
    echo "primary_conninfo = 'host=primary user=sunshine password=$PGPASSWORD application_name=standby'"
    # After its promotion it commits alone, until it is given a standby of its own.
    echo "synchronous_standby_names = ''"
  } >> "$data/postgresql.auto.conf"
  touch "$data/standby.signal"
fi
exec postgres -D "$data"
