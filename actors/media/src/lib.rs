//! rookery-media
