//! What the pages say, in English and Korean.
//!
//! Both languages stand side by side in one table, so that a word that lacks one does not compile.

mod said;
mod table;

pub(crate) use said::said;
pub(crate) use table::{EN, KO, Words};

/// A language of the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Lang {
    /// English.
    #[default]
    En,
    /// Korean.
    Ko,
}

impl Lang {
    /// All of them.
    pub(crate) const ALL: [Self; 2] = [Self::En, Self::Ko];

    /// The language of a tag such as `ko-KR`.
    pub(crate) fn of_tag(tag: &str) -> Option<Self> {
        let tag = tag.trim().to_ascii_lowercase();
        let main = tag.split(['-', '_']).next().unwrap_or_default();
        Self::ALL.into_iter().find(|lang| lang.tag() == main)
    }

    /// The first language of an `Accept-Language` header that there is; English otherwise. Browsers write them by preference.
    pub(crate) fn of_header(accepted: &str) -> Self {
        let tags = accepted.split(',').map(|part| part.split(';').next().unwrap_or_default());
        tags.filter_map(Self::of_tag).next().unwrap_or_default()
    }

    /// Its tag: `en`, `ko`.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ko => "ko",
        }
    }

    /// What it calls itself.
    pub(crate) fn own_name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::Ko => "한국어",
        }
    }

    /// Its words.
    pub(crate) fn words(self) -> &'static Words {
        match self {
            Self::En => &EN,
            Self::Ko => &KO,
        }
    }
}

impl Words {
    /// `normal`, `anomalous` or `failed`, as people say it.
    pub(crate) fn verdict(&self, word: &str) -> &'static str {
        match word {
            "normal" => self.normal,
            "anomalous" => self.anomalous,
            _ => self.not_inspected,
        }
    }

    /// The state of a job or a line. A word that is not known is said as it is.
    pub(crate) fn state<'a>(&self, word: &'a str) -> &'a str {
        match word {
            "pending" => self.pending,
            "running" => self.running,
            "completed" => self.completed,
            "failed" => self.failed,
            "cancelled" => self.cancelled,
            "stopped" => self.stopped,
            other => other,
        }
    }

    /// What a job does.
    pub(crate) fn kind<'a>(&self, word: &'a str) -> &'a str {
        match word {
            "inspect" => self.kind_inspect,
            "fit" => self.kind_fit,
            "update" => self.kind_update,
            "calibrate" => self.kind_calibrate,
            "compare" => self.kind_compare,
            other => other,
        }
    }

    /// What somebody said of a result.
    pub(crate) fn mark<'a>(&self, word: &'a str) -> &'a str {
        match word {
            "false_alarm" => self.false_alarm,
            "missed" => self.missed,
            "defect" => self.defect,
            "good" => self.good,
            other => other,
        }
    }

    /// Whether images of a line still look as they did.
    pub(crate) fn drift_word(&self, word: &str) -> &'static str {
        match word {
            "steady" => self.drift_steady,
            "drifting" => self.drift_drifting,
            _ => self.drift_unknown,
        }
    }

    /// Where images of a line come from.
    pub(crate) fn source<'a>(&self, word: &'a str) -> &'a str {
        match word {
            "folder" => self.source_folder,
            "push" => self.source_push,
            "command" => self.source_command,
            other => other,
        }
    }

    /// What is done with images that come too fast.
    pub(crate) fn policy<'a>(&self, word: &'a str) -> &'a str {
        match word {
            "block" => self.policy_block,
            "drop_oldest" => self.policy_drop,
            "spill" => self.policy_spill,
            other => other,
        }
    }

    /// What somebody may do.
    pub(crate) fn role<'a>(&self, word: &'a str) -> &'a str {
        match word {
            "viewer" => self.role_viewer,
            "operator" => self.role_operator,
            "admin" => self.role_admin,
            other => other,
        }
    }

    /// A short headline of an HTTP status.
    pub(crate) fn status(&self, status: &u16) -> &'static str {
        match *status {
            401 => self.error_401,
            403 => self.error_403,
            404 => self.error_404,
            410 => self.error_410,
            400..=499 => self.error_4xx,
            _ => self.error_5xx,
        }
    }

    /// What the script says, as JSON.
    pub(crate) fn for_script(&self) -> String {
        serde_json::json!({
            "unreachable": self.js_unreachable, "refused": self.js_refused, "signIn": self.js_sign_in,
            "sure": self.js_sure, "yes": self.js_yes, "cancel": self.js_cancel, "now": self.js_now,
            "files": self.js_files, "tooMany": self.js_too_many, "tooLarge": self.js_too_large,
            "noFiles": self.js_no_files, "sending": self.js_sending, "taken": self.js_taken,
            "live": self.js_live, "lost": self.js_lost, "gone": self.js_gone, "copied": self.js_copied,
            "distance": self.js_distance, "patch": self.js_patch, "alarms": self.alarms,
            "noThreshold": self.no_threshold, "boxed": self.js_boxed, "saved": self.js_saved,
            "passwordsDiffer": self.js_passwords_differ, "looking": self.js_looking, "nothingNear": self.js_nothing_near,
        })
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_hangul(text: &str) -> bool {
        text.chars().any(|c| ('가'..='힣').contains(&c))
    }

    /// English that was forgotten in the Korean column is found; names and codes are the same in both.
    #[test]
    fn every_word_is_said_in_both_languages() {
        const SAME: &[&str] = &["csv", "json", "parquet", "sha", "p95", "alpha"];
        let (en, ko) = (EN.all(), KO.all());
        assert_eq!(en.len(), ko.len());
        assert!(en.len() > 200, "{}", en.len());
        for ((key, english), (_, korean)) in en.into_iter().zip(ko) {
            assert!(!english.trim().is_empty() && !korean.trim().is_empty(), "{key}");
            assert!(!has_hangul(english), "{key}: {english}");
            assert!(has_hangul(korean) || SAME.contains(&key), "{key}: {korean}");
        }
    }

    #[test]
    fn placeholders_are_the_same_in_both_languages() {
        let holes = |text: &str| text.matches("{}").count();
        for ((key, english), (_, korean)) in EN.all().into_iter().zip(KO.all()) {
            assert_eq!(holes(english), holes(korean), "{key}");
        }
    }

    #[test]
    fn a_language_is_found_by_what_a_browser_sends() {
        assert_eq!(Lang::of_header("ko-KR,ko;q=0.9,en-US;q=0.8"), Lang::Ko);
        assert_eq!(Lang::of_header("fr, en;q=0.5, ko;q=0.2"), Lang::En);
        assert_eq!(Lang::of_header("fr,de"), Lang::En);
        assert_eq!(Lang::of_header(""), Lang::En);
        assert_eq!(Lang::of_tag("KO_kr"), Some(Lang::Ko));
        assert_eq!(Lang::of_tag("kok"), None);
    }
}
