-- What those in a room who are not its host may send: everything, unless the host says otherwise.
ALTER TABLE rooms ADD COLUMN allows_microphone INTEGER NOT NULL DEFAULT 1 CHECK (allows_microphone IN (0, 1));
ALTER TABLE rooms ADD COLUMN allows_camera INTEGER NOT NULL DEFAULT 1 CHECK (allows_camera IN (0, 1));
ALTER TABLE rooms ADD COLUMN allows_screen INTEGER NOT NULL DEFAULT 1 CHECK (allows_screen IN (0, 1));
