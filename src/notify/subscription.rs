//! What a hook wants to hear of.

use std::marker::PhantomData;

use super::event::{Action, Event, Subject};
use crate::telemetry::Level;

/// Something of which there are at most eight.
pub trait Bit: Copy {
    /// A number with one bit set.
    fn bit(self) -> u8;
}

impl Bit for Action {
    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl Bit for Level {
    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of actions or of levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bits<T>(u8, PhantomData<T>);

impl<T: Bit> Bits<T> {
    /// Nothing.
    pub const NONE: Self = Self(0, PhantomData);
    /// Everything.
    pub const ALL: Self = Self(u8::MAX, PhantomData);

    /// Whether a member is in it.
    pub fn contains(self, member: T) -> bool {
        self.0 & member.bit() != 0
    }

    /// What is in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0, PhantomData)
    }

    /// What is in this one alone.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0, PhantomData)
    }
}

impl<T: Bit> Default for Bits<T> {
    fn default() -> Self {
        Self::NONE
    }
}

impl<T: Bit> FromIterator<T> for Bits<T> {
    fn from_iter<I: IntoIterator<Item = T>>(members: I) -> Self {
        Self(members.into_iter().fold(0, |bits, member| bits | member.bit()), PhantomData)
    }
}

/// What a hook wants to hear of; nothing by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Subscription {
    /// Events about repositories.
    pub actions: Bits<Action>,
    /// Log records, each level for itself: `error` does not include `panic`.
    pub levels: Bits<Level>,
    /// Whether it wants to hear of the server's own life.
    pub server: bool,
}

impl Subscription {
    /// Everything there is.
    pub const ALL: Self = Self { actions: Bits::ALL, levels: Bits::ALL, server: true };

    /// What both want.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            actions: self.actions.and(other.actions),
            levels: self.levels.and(other.levels),
            server: self.server && other.server,
        }
    }

    /// Whether an event is among it.
    pub fn wants(&self, event: &Event) -> bool {
        match &event.subject {
            Subject::Registry(event) => self.actions.contains(event.action),
            Subject::Log(record) => self.levels.contains(record.level),
            Subject::Server(_) => self.server,
        }
    }
}
