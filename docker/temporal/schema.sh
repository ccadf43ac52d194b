#!/bin/sh
# Makes Temporal's two databases and brings their schemas up to this release; a no-op where they are there already.
# The image temporalio/auto-setup did this at every start; temporalio/server expects it to be done. The settings come from
# SQL_PLUGIN, SQL_HOST, SQL_PORT, SQL_USER and SQL_PASSWORD; the schemas are inside the tool, so that they fit its release.
set -eu

prepare() {
  temporal-sql-tool --database "$1" create-database
  temporal-sql-tool --database "$1" setup-schema --version 0.0
  temporal-sql-tool --database "$1" update-schema --schema-name "$2"
}

prepare temporal postgresql/v12/temporal
prepare temporal_visibility postgresql/v12/visibility
