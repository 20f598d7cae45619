//! rookery-gateway
