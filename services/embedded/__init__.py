"""The whole stack on one machine, from wheels: the same PostgreSQL and S3 software as in production."""
