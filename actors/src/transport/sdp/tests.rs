//! Descriptions of real browsers are read as they mean; everything else is refused.
