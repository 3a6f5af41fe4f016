//! A native, hermetic kustomize build.
