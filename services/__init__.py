"""Everything with a wire: database, object storage, queue, dispatcher, API, reports, operator commands."""
