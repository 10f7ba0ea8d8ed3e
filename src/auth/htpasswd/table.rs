//! The users of an htpasswd file, and the check of a password against them.

use std::collections::HashMap;
use std::str::FromStr;

use bcrypt::HashParts;

/// A hash of higher cost would hold a thread for seconds at every try; `htpasswd` itself writes none above this.
const COST_MAX: u32 = 17;
/// The lowest cost that bcrypt knows.
const COST_MIN: u32 = 4;
/// What an unknown user costs when the file has no usable hash.
const COST_WITHOUT_USERS: u32 = 10;

/// The users of a file at one moment.
pub struct Table {
    /// `None`: the user's hash can't be used, so no password matches.
    users: HashMap<String, Option<Bcrypt>>,
    /// The highest cost among the hashes: what every refusal costs.
    cost_max: u32,
}

struct Bcrypt {
    text: Box<str>,
    cost: u32,
}

/// A line that grants nothing, although it was meant to.
#[derive(Debug, PartialEq, Eq)]
pub struct Remark {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it. Never its text, which may hold a password.
    pub problem: &'static str,
}

impl Table {
    /// Reads `user:hash` lines. Blanks around a line are trimmed; empty lines and those that begin with `#` are skipped; of
    /// several lines for a user the last counts. A line that can't be used is told in the remarks and grants nothing; the
    /// others still count, because one slip of the operator must not lock everybody out.
    pub fn parse(file: &[u8]) -> (Self, Vec<Remark>) {
        let mut users = HashMap::new();
        let mut remarks = Vec::new();
        let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
        for (index, line) in file.split(|byte| *byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let mut remark = |problem| remarks.push(Remark { line: index + 1, problem });
            match entry(line) {
                Ok((user, hash)) => {
                    let hash = Bcrypt::parse(hash).map_err(&mut remark).ok();
                    users.insert(user.to_owned(), hash);
                }
                Err(problem) => remark(problem),
            }
        }
        let cost_max = users.values().flatten().map(|hash: &Bcrypt| hash.cost).max().unwrap_or(COST_WITHOUT_USERS);
        (Self { users, cost_max }, remarks)
    }

    /// How many users there are, those who can't log in included.
    pub fn user_count(&self) -> usize {
        self.users.len()
    }

    /// The stored hash of a user who can log in.
    pub fn hash(&self, user: &str) -> Option<&str> {
        self.users.get(user)?.as_ref().map(|hash| &*hash.text)
    }

    /// Checks a password. Takes as long as bcrypt takes: milliseconds to seconds of CPU.
    pub fn verify(&self, user: &str, password: &[u8]) -> bool {
        self.verify_with(user, password, |password, hash| bcrypt::verify(password, hash).unwrap_or(false))
    }

    /// The check, with bcrypt as an argument so that a test can count what is done.
    ///
    /// Every refusal costs 2^`cost_max` rounds, whoever the user is: an unknown user, one without a usable hash, and one whose
    /// own hash is cheaper, for whom the difference is made up (2^c + 2^c + 2^(c+1) + … + 2^(max−1) = 2^max).
    fn verify_with(&self, user: &str, password: &[u8], mut bcrypt: impl FnMut(&[u8], &str) -> bool) -> bool {
        let known = self.users.get(user).and_then(Option::as_ref);
        // bcrypt repeats the password, with a NUL after it, until 72 bytes are full: "a" and "a\0a" have the same hash. No tool
        // that writes htpasswd files can hash a NUL, so nobody's password holds one.
        let allowed = known.is_some() && !password.contains(&0);
        let cost = known.map_or(self.cost_max, |hash| hash.cost);
        let matches = match known {
            Some(hash) => bcrypt(password, &hash.text),
            None => bcrypt(password, &nobody(cost)),
        };
        if matches && allowed {
            return true;
        }
        for cost in cost..self.cost_max {
            if known.is_some() {
                bcrypt(password, &nobody(cost));
            }
        }
        false
    }
}

fn entry(line: &[u8]) -> Result<(&str, &str), &'static str> {
    let line = std::str::from_utf8(line).map_err(|_| "it is not UTF-8")?;
    let (user, hash) = line.split_once(':').ok_or("it has no colon between a user and a hash")?;
    if user.is_empty() { Err("it has no user before the colon") } else { Ok((user, hash)) }
}

impl Bcrypt {
    fn parse(text: &str) -> Result<Self, &'static str> {
        if !["$2a$", "$2b$", "$2y$"].iter().any(|version| text.starts_with(version)) {
            return Err("its hash is not bcrypt, so no password matches; write it with: htpasswd -B");
        }
        let parts = HashParts::from_str(text).map_err(|_| "its bcrypt hash is damaged, so no password matches")?;
        match parts.get_cost() {
            COST_MIN..=COST_MAX => Ok(Self { text: text.into(), cost: parts.get_cost() }),
            _ => Err("the cost of its bcrypt hash is not between 4 and 17, so no password matches"),
        }
    }
}

/// A hash that nobody has, to spend the time of a real one on.
fn nobody(cost: u32) -> String {
    format!("$2b${cost:02}${}", ".".repeat(53))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hash(password: &str, cost: u32) -> String {
        bcrypt::hash(password, cost).unwrap()
    }

    fn parse(text: &str) -> (Table, Vec<Remark>) {
        Table::parse(text.as_bytes())
    }

    #[test]
    fn all_three_versions_match() {
        let hash = hash("secret", 4);
        for version in ["$2a$", "$2b$", "$2y$"] {
            let (table, remarks) = parse(&format!("ci:{version}{}", &hash[4..]));
            assert_eq!(remarks, []);
            assert!(table.verify("ci", b"secret"));
            assert!(!table.verify("ci", b"Secret"));
            assert!(!table.verify("CI", b"secret"));
        }
    }

    #[test]
    fn a_hash_of_another_tool_matches() {
        // Written by `htpasswd -Bbn test 123456`.
        let (table, _) = parse("test:$2y$05$VTYdNOKlLUlLzeiaePuxievLueBuEAq9ebpjP0fAB6Tte3XTTSbwO\n");
        assert!(table.verify("test", b"123456"));
        assert!(!table.verify("test", b"123457"));
    }

    #[test]
    fn only_72_bytes_of_a_password_count() {
        let (table, _) = parse(&format!("ci:{}", hash(&"x".repeat(72), 4)));
        assert!(table.verify("ci", "x".repeat(72).as_bytes()));
        assert!(table.verify("ci", "x".repeat(1000).as_bytes()));
        assert!(!table.verify("ci", "x".repeat(71).as_bytes()));
    }

    #[test]
    fn a_password_with_nul_never_matches() {
        let (table, _) = parse(&format!("ci:{}", hash("a", 4)));
        assert!(bcrypt::verify(b"a\0a", table.hash("ci").unwrap()).unwrap(), "the quirk that this test is about");
        assert!(!table.verify("ci", b"a\0a"));
        assert!(!table.verify("ci", b"a\0"));
        assert!(table.verify("ci", b"a"));
    }

    #[test]
    fn comments_blanks_and_duplicates() {
        let (old, new) = (hash("old", 4), hash("new", 4));
        let text = format!("\u{feff}# users\r\n\r\n  ci:{old}  \r\n\tother:{old}\r\nci:{new}\r\n");
        let (table, remarks) = parse(&text);
        assert_eq!(remarks, []);
        assert_eq!(table.user_count(), 2);
        assert!(table.verify("ci", b"new") && !table.verify("ci", b"old"));
        assert!(table.verify("other", b"old"));
    }

    #[test]
    fn lines_that_grant_nothing_are_named_and_the_others_count() {
        let good = hash("a", 4);
        let (short, dear) = (&good[..59], good.replacen("$04$", "$18$", 1));
        let text = format!("nocolon\n:{good}\nmd5:$apr1$x$y\nplain:secret\nshort:{short}\ndear:{dear}\nci:{good}");
        let (table, remarks) = parse(&text);
        assert_eq!(remarks.iter().map(|remark| remark.line).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
        assert!(table.verify("ci", b"a"));
        for user in ["nocolon", "", "md5", "plain", "short", "dear"] {
            for password in ["a", "secret", "", "$apr1$x$y"] {
                assert!(!table.verify(user, password.as_bytes()), "{user}:{password}");
            }
        }
        assert!(remarks.iter().all(|remark| !remark.problem.contains("secret")));
    }

    #[test]
    fn a_later_unusable_line_takes_the_earlier_hash_away() {
        let (table, _) = parse(&format!("ci:{}\nci:!", hash("a", 4)));
        assert!(!table.verify("ci", b"a"));
    }

    #[test]
    fn every_refusal_costs_the_same() {
        let text = format!("low:{}\nmid:{}\nhigh:{}\nmd5:$apr1$x$y", hash("a", 4), hash("a", 6), hash("a", 7));
        let (table, _) = parse(&text);
        let mut refusals = Vec::new();
        for (user, password) in [
            ("low", "b"),
            ("mid", "b"),
            ("high", "b"),
            ("high", "a\0a"),
            ("low", "a\0a"),
            ("md5", "b"),
            ("nobody", "b"),
        ] {
            let mut rounds = 0;
            let verified = table.verify_with(user, password.as_bytes(), |password, hash| {
                rounds += 1 << HashParts::from_str(hash).unwrap().get_cost();
                bcrypt::verify(password, hash).unwrap()
            });
            assert!(!verified, "{user}");
            refusals.push(rounds);
        }
        assert_eq!(refusals, [1 << 7; 7]);
        assert!(table.verify("low", b"a"));
    }

    #[test]
    fn a_file_without_users_still_spends_the_time() {
        let (table, _) = parse("");
        let mut hashes = Vec::new();
        table.verify_with("nobody", b"a", |_, hash| {
            hashes.push(hash.to_owned());
            false
        });
        assert_eq!(hashes, [nobody(COST_WITHOUT_USERS)]);
        assert!(HashParts::from_str(&hashes[0]).is_ok());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(file in prop::collection::vec(any::<u8>(), 0..400)) {
            let lines = file.split(|byte| *byte == b'\n').count();
            let (table, remarks) = Table::parse(&file);
            prop_assert!(table.user_count() + remarks.len() <= 2 * lines);
            prop_assert!(remarks.iter().all(|remark| (1..=lines).contains(&remark.line)));
        }

        #[test]
        fn a_line_is_split_at_its_first_colon(user in "[!-9;-~&&[^#]][!-9;-~]{0,20}", hash in "[!-~]{0,70}") {
            let (table, remarks) = Table::parse(format!("{user}:{hash}").as_bytes());
            prop_assert_eq!(table.user_count(), 1);
            prop_assert!(table.users.contains_key(&user));
            prop_assert_eq!(table.hash(&user).is_some(), remarks.is_empty());
        }
    }
}
