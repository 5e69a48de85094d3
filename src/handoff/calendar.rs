//! The business calendar: is the desk open, when does it open next, and the opening hours in words.
