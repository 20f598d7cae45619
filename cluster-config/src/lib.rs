//! rookery-cluster-config
