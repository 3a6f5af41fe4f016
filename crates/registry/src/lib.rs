//! Image tags to digests, from OCI registries.
