//! rookery-actors
