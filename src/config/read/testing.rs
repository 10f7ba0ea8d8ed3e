//! Reading texts instead of files, for tests.

use super::*;

/// What came of a text: the configuration counts only if there are no mistakes.
#[derive(Debug)]
pub(in crate::config) struct Outcome {
    pub config: Config,
    pub mistakes: Vec<String>,
    pub warnings: Vec<String>,
}

impl Outcome {
    /// The configuration, which must have been read without a word.
    #[track_caller]
    pub fn silent(self) -> Config {
        assert_eq!(self.warnings, Vec::<String>::new());
        self.accepted()
    }

    /// The configuration, which must have been read without a mistake.
    #[track_caller]
    pub fn accepted(self) -> Config {
        assert_eq!(self.mistakes, Vec::<String>::new());
        self.config
    }

    /// The one mistake, which must hold all of these words.
    #[track_caller]
    pub fn refused(self, words: &[&str]) {
        assert_eq!(self.mistakes.len(), 1, "{:#?}", self.mistakes);
        assert_holds(&self.mistakes[0], words);
    }

    /// The one warning, which must hold all of these words.
    #[track_caller]
    pub fn warned(self, words: &[&str]) -> Config {
        assert_eq!(self.warnings.len(), 1, "{:#?}", self.warnings);
        assert_holds(&self.warnings[0], words);
        self.accepted()
    }
}

#[track_caller]
fn assert_holds(sentence: &str, words: &[&str]) {
    for word in words {
        assert!(sentence.contains(word), "{word:?} is missing in: {sentence}");
    }
}

fn outcome(root: Option<Node>, dialect: Dialect, variables: &[(&str, &str)], mut report: Report) -> Outcome {
    let variables: Vec<_> = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let config = root.map(|root| understand(root, dialect, &variables, &mut report)).unwrap_or_default();
    let lines = |notices: &[Notice]| notices.iter().map(ToString::to_string).collect();
    Outcome { config, mistakes: lines(&report.mistakes), warnings: lines(&report.warnings) }
}

/// A YAML file `config.yml` and variables over it.
pub(in crate::config) fn yaml(text: &str, variables: &[(&str, &str)]) -> Outcome {
    let mut report = Report::default();
    let root = match yaml::parse(text, &yaml::Text::File(Arc::from("config.yml")), &mut report) {
        Ok(root) => Some(root),
        Err(refused) => {
            report.mistake("", &refused.origin, refused.sentence);
            None
        }
    };
    outcome(root, Dialect::Yaml, variables, report)
}

/// A TOML file `wharf.toml` and variables over it.
pub(in crate::config) fn toml(text: &str, variables: &[(&str, &str)]) -> Outcome {
    let mut report = Report::default();
    let root = toml::parse(text, &Arc::from("wharf.toml"), &mut report);
    outcome(root, Dialect::Toml, variables, report)
}

/// Variables alone.
pub(in crate::config) fn variables(variables: &[(&str, &str)]) -> Outcome {
    outcome(Some(Node::section(Origin::BuiltIn)), Dialect::BuiltIn, variables, Report::default())
}

/// A YAML file for `distribution` with a local directory, and more below it.
pub(in crate::config) fn yaml_with(more: &str) -> Outcome {
    yaml(&format!("version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: /data\n{more}"), &[])
}
