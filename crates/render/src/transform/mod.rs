//! What is done to resources: one transformer a file.
