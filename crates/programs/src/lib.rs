//! Runs other programs, each in one file.
