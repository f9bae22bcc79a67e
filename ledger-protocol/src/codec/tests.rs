//! Tests of the canonical encoding.
use super::*;

#[test]
fn tags_are_prefix_free_and_unique() {
    for (i, a) in Tag::ALL.iter().enumerate() {
        assert_eq!(a.bytes().iter().filter(|b| **b == 0).count(), 1);
        assert_eq!(a.bytes().last(), Some(&0));
        for (j, b) in Tag::ALL.iter().enumerate() {
            assert!(i == j || !b.bytes().starts_with(a.bytes()), "{a:?} is a prefix of {b:?}");
        }
    }
}

#[test]
fn a_huge_count_before_few_bytes_is_refused_without_allocating() {
    assert!(decode::<Bounded<u64, 4>>(&[0xff, 0xff, 0xff, 0xff], 100).is_err());
    assert!(decode::<BoundedBytes<4>>(&[5, 0, 0, 0, 1, 2, 3, 4, 5], 100).is_err());
}

#[test]
fn left_over_bytes_are_refused() {
    assert!(decode::<u16>(&[1, 2, 3], 100).is_err());
    assert_eq!(decode::<u16>(&[1, 2], 100), Ok(0x0201));
}

#[test]
fn an_input_above_the_limit_is_refused_before_decoding() {
    assert_eq!(decode::<u16>(&[1, 2], 1), Err(DecodeError::TooLong { got: 2, limit: 1 }));
}

#[test]
fn a_text_with_a_control_character_is_refused() {
    assert!(Text::<8>::new("a\0b").is_err());
    assert!(decode::<Text<8>>(&[2, 0, 0, 0, b'a', 0], 100).is_err());
    assert!(decode::<Text<8>>(&[1, 0, 0, 0, 0xff], 100).is_err());
}
