//! rookery-loadtest
