-- The sweep looks for ad-hoc rooms that lost their people with their node: open, without an end, long unused.
CREATE INDEX rooms_endless ON rooms (active_at)
  WHERE ad_hoc = 1 AND expires_at IS NULL AND closed_at IS NULL AND deleted = 0;
