"""The register's database: tables, both dialects, migrations, one seam to open it."""
