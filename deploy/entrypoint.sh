#!/bin/sh
# Dagster itself reads the URL of its database only from the environment, never from a file.
set -eu
if [ -n "${DAGSTER_POSTGRES_URL_FILE:-}" ]; then
    DAGSTER_POSTGRES_URL=$(cat "$DAGSTER_POSTGRES_URL_FILE")
    export DAGSTER_POSTGRES_URL
fi
exec "$@"
