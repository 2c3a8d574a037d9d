"""Object storage: content-addressed blobs and large uploads, over any S3."""
