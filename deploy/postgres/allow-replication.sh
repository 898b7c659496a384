#!/bin/sh
# Runs once, as the primary's folder is made: the standby follows by the same role.
set -eu
echo "host replication sunshine all scram-sha-256" >> "$PGDATA/pg_hba.conf"
psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" <<SQL
ALTER ROLE $POSTGRES_USER REPLICATION;
-- From the restart that follows on: a commit is answered once it is on the standby's disk too.
ALTER SYSTEM SET synchronous_standby_names = 'standby';
SQL
