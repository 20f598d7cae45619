//! What a room lets people send who are not its host.
//!
//! **Invariant:** what is not named is allowed, so that rooms from before any restriction have none.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::signal::{Role, SourceKind};

/// What those in a room who are not its host may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Allowed {
    /// Their voices.
    pub microphone: bool,
    /// Their faces.
    pub camera: bool,
    /// Their screens, with the sound of these.
    pub screen: bool,
}

impl Default for Allowed {
    fn default() -> Self {
        Self { microphone: true, camera: true, screen: true }
    }
}

impl Allowed {
    /// Whether someone of this role may send from there. A host may always.
    #[must_use]
    pub fn permits(self, role: Role, source: SourceKind) -> bool {
        role >= Role::Host
            || match source {
                SourceKind::Microphone => self.microphone,
                SourceKind::Camera => self.camera,
                SourceKind::Screen | SourceKind::ScreenAudio => self.screen,
            }
    }

    /// Whether nothing is restricted.
    #[must_use]
    pub fn everything(self) -> bool {
        self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restriction_is_for_all_but_the_host_and_for_what_it_names() {
        use SourceKind::{Camera, Microphone, Screen, ScreenAudio};
        let none = Allowed { microphone: false, camera: false, screen: false };
        for (allowed, sources) in [
            (Allowed::default(), vec![Camera, Microphone, Screen, ScreenAudio]),
            (Allowed { camera: true, ..none }, vec![Camera]),
            (Allowed { microphone: true, ..none }, vec![Microphone]),
            (Allowed { screen: true, ..none }, vec![Screen, ScreenAudio]),
            (none, vec![]),
        ] {
            for source in [Camera, Microphone, Screen, ScreenAudio] {
                assert!(allowed.permits(Role::Host, source));
                for role in [Role::Guest, Role::Member] {
                    assert_eq!(allowed.permits(role, source), sources.contains(&source), "{allowed:?} {role:?}");
                }
            }
            assert_eq!(allowed.everything(), sources.len() == 4);
        }
    }

    #[test]
    fn what_is_not_named_is_allowed() -> Result<(), serde_json::Error> {
        let read: Allowed = serde_json::from_str(r#"{"camera":false}"#)?;
        assert_eq!(read, Allowed { camera: false, ..Allowed::default() });
        Ok(())
    }
}
