"""JSON by RFC 8259, case by case: what must parse has no finding of json.*, what must not has one, nothing crashes.

The cases are those of the public JSONTestSuite (github.com/nst/JSONTestSuite, test_parsing) by name, written anew here:
``y`` must be accepted, ``n`` must be refused, ``i`` is left to the implementation.
"""

from __future__ import annotations

import json

import msgspec
import pytest

from nova_tune import Dataset
from nova_tune.checks import accept_batch, decode, explain
from nova_tune.models import MODELS

Y = {
    "array_arraysWithSpaces": rb"[[]   ]",
    "array_empty-string": rb'[""]',
    "array_empty": rb"[]",
    "array_ending_with_newline": b'["a"]\n',
    "array_false": rb"[false]",
    "array_heterogeneous": rb'[null, 1, "1", {}]',
    "array_null": rb"[null]",
    "array_with_1_and_newline": b"[1\n]",
    "array_with_leading_space": rb" [1]",
    "array_with_several_null": rb"[1,null,null,null,2]",
    "array_with_trailing_space": rb"[2] ",
    "number": rb"[123e65]",
    "number_0e+1": rb"[0e+1]",
    "number_0e1": rb"[0e1]",
    "number_after_space": rb"[ 4]",
    "number_double_close_to_zero": b"[-0." + b"0" * 77 + b"1]",
    "number_int_with_exp": rb"[20e1]",
    "number_minus_zero": rb"[-0]",
    "number_negative_int": rb"[-123]",
    "number_negative_one": rb"[-1]",
    "number_negative_zero": rb"[-0]",
    "number_real_capital_e": rb"[1E22]",
    "number_real_capital_e_neg_exp": rb"[1E-2]",
    "number_real_capital_e_pos_exp": rb"[1E+2]",
    "number_real_exponent": rb"[123e45]",
    "number_real_fraction_exponent": rb"[123.456e78]",
    "number_real_neg_exp": rb"[1e-2]",
    "number_real_pos_exponent": rb"[1e+2]",
    "number_simple_int": rb"[123]",
    "number_simple_real": rb"[123.456789]",
    "object": rb'{"asd":"sdf", "dfg":"fgh"}',
    "object_basic": rb'{"asd":"sdf"}',
    "object_duplicated_key": rb'{"a":"b","a":"c"}',
    "object_duplicated_key_and_value": rb'{"a":"b","a":"b"}',
    "object_empty": rb"{}",
    "object_empty_key": rb'{"":0}',
    "object_escaped_null_in_key": rb'{"foo\u0000bar": 42}',
    "object_extreme_numbers": rb'{ "min": -1.0e+28, "max": 1.0e+28 }',
    "object_long_strings": b'{"x":[{"id": "' + b"x" * 40 + b'"}], "id": "' + b"x" * 40 + b'"}',
    "object_simple": rb'{"a":[]}',
    "object_string_unicode": rb'{"title":"\u041f\u043e\u043b\u0442\u043e\u0440\u0430 \u0417\u0435\u043c\u043b" }',
    "object_with_newlines": b'{\n"a": "b"\n}',
    "string_1_2_3_bytes_UTF-8_sequences": rb'["\u0060\u012a\u12AB"]',
    "string_accepted_surrogate_pair": rb'["\uD801\udc37"]',
    "string_accepted_surrogate_pairs": rb'["\ud83d\ude39\ud83d\udc8d"]',
    "string_allowed_escapes": rb'["\"\\\/\b\f\n\r\t"]',
    "string_backslash_and_u_escaped_zero": rb'["\\u0000"]',
    "string_backslash_doublequotes": rb'["\""]',
    "string_comments": rb'["a/*b*/c/*d//e"]',
    "string_double_escape_a": rb'["\\a"]',
    "string_double_escape_n": rb'["\\n"]',
    "string_escaped_control_character": rb'["\u0012"]',
    "string_escaped_noncharacter": rb'["\uFFFF"]',
    "string_in_array": rb'["asd"]',
    "string_in_array_with_leading_space": rb'[ "asd"]',
    "string_last_surrogates_1_and_2": rb'["\uDBFF\uDFFF"]',
    "string_nbsp_uescaped": rb'["new\u00A0line"]',
    "string_nonCharacterInUTF-8_U+10FFFF": b'["\xf4\x8f\xbf\xbf"]',
    "string_nonCharacterInUTF-8_U+FFFF": b'["\xef\xbf\xbf"]',
    "string_null_escape": rb'["\u0000"]',
    "string_one-byte-utf-8": rb'["\u002c"]',
    "string_pi": b'["\xcf\x80"]',
    "string_reservedCharacterInUTF-8_U+1BFFF": b'["\xf0\x9b\xbf\xbf"]',
    "string_simple_ascii": rb'["asd "]',
    "string_space": rb'" "',
    "string_surrogates_U+1D11E_MUSICAL_SYMBOL_G_CLEF": rb'["\uD834\uDd1e"]',
    "string_three-byte-utf-8": rb'["\u0821"]',
    "string_two-byte-utf-8": rb'["\u0123"]',
    "string_u+2028_line_sep": b'["\xe2\x80\xa8"]',
    "string_u+2029_par_sep": b'["\xe2\x80\xa9"]',
    "string_uEscape": rb'["\u0061\u30af\u30EA\u30b9"]',
    "string_uescaped_newline": rb'["new\u000Aline"]',
    "string_unescaped_char_delete": b'["\x7f"]',
    "string_unicode": rb'["\uA66D"]',
    "string_unicodeEscapedBackslash": rb'["\u005C"]',
    "string_unicode_2": b'["\xe2\x8d\x82\xe3\x88\xb4\xe2\x8d\x82"]',
    "string_unicode_U+10FFFE_nonchar": rb'["\uDBFF\uDFFE"]',
    "string_unicode_U+1FFFE_nonchar": rb'["\uD83F\uDFFE"]',
    "string_unicode_U+200B_ZERO_WIDTH_SPACE": rb'["\u200B"]',
    "string_unicode_U+2064_invisible_plus": rb'["\u2064"]',
    "string_unicode_U+FDD0_nonchar": rb'["\uFDD0"]',
    "string_unicode_U+FFFE_nonchar": rb'["\uFFFE"]',
    "string_unicode_escaped_double_quote": rb'["\u0022"]',
    "string_utf8": b'["\xe2\x82\xac\xf0\x9d\x84\x9e"]',
    "string_with_del_character": b'["a\x7fa"]',
    "structure_lonely_false": rb"false",
    "structure_lonely_int": rb"42",
    "structure_lonely_negative_real": rb"-0.1",
    "structure_lonely_null": rb"null",
    "structure_lonely_string": rb'"asd"',
    "structure_lonely_true": rb"true",
    "structure_string_empty": rb'""',
    "structure_trailing_newline": b'["a"]\n',
    "structure_true_in_array": rb"[true]",
    "structure_whitespace_array": rb" [] ",
}

N = {
    "array_1_true_without_comma": rb"[1 true]",
    "array_a_invalid_utf8": b"[a\xe5]",
    "array_colon_instead_of_comma": rb'["": 1]',
    "array_comma_after_close": rb'[""],',
    "array_comma_and_number": rb"[,1]",
    "array_double_comma": rb"[1,,2]",
    "array_double_extra_comma": rb'["x",,]',
    "array_extra_close": rb'["x"]]',
    "array_extra_comma": rb'["",]',
    "array_incomplete": rb'["x"',
    "array_incomplete_invalid_value": rb"[x",
    "array_inner_array_no_comma": rb"[3[4]]",
    "array_invalid_utf8": b"[\xff]",
    "array_items_separated_by_semicolon": rb"[1:2]",
    "array_just_comma": rb"[,]",
    "array_just_minus": rb"[-]",
    "array_missing_value": rb'[   , ""]',
    "array_newlines_unclosed": b'["a",\n4\n,1,',
    "array_number_and_comma": rb"[1,]",
    "array_number_and_several_commas": rb"[1,,]",
    "array_spaces_vertical_tab_formfeed": b'["\x0ba"\\f]',
    "array_star_inside": rb"[*]",
    "array_unclosed": rb'[""',
    "array_unclosed_trailing_comma": rb"[1,",
    "array_unclosed_with_new_lines": b"[1,\n1\n,1",
    "array_unclosed_with_object_inside": rb"[{}",
    "incomplete_false": rb"[fals]",
    "incomplete_null": rb"[nul]",
    "incomplete_true": rb"[tru]",
    "multidigit_number_then_00": b"123\x00",
    "number_++": rb"[++1234]",
    "number_+1": rb"[+1]",
    "number_+Inf": rb"[+Inf]",
    "number_-01": rb"[-01]",
    "number_-1.0.": rb"[-1.0.]",
    "number_-2.": rb"[-2.]",
    "number_-NaN": rb"[-NaN]",
    "number_.-1": rb"[.-1]",
    "number_.2e-3": rb"[.2e-3]",
    "number_0.1.2": rb"[0.1.2]",
    "number_0.3e+": rb"[0.3e+]",
    "number_0.3e": rb"[0.3e]",
    "number_0.e1": rb"[0.e1]",
    "number_0_capital_E+": rb"[0E+]",
    "number_0_capital_E": rb"[0E]",
    "number_0e+": rb"[0e+]",
    "number_0e": rb"[0e]",
    "number_1.0e+": rb"[1.0e+]",
    "number_1.0e-": rb"[1.0e-]",
    "number_1.0e": rb"[1.0e]",
    "number_1_000": rb"[1 000.0]",
    "number_1eE2": rb"[1eE2]",
    "number_2.e+3": rb"[2.e+3]",
    "number_2.e-3": rb"[2.e-3]",
    "number_2.e3": rb"[2.e3]",
    "number_9.e+": rb"[9.e+]",
    "number_Inf": rb"[Inf]",
    "number_NaN": rb"[NaN]",
    "number_U+FF11_fullwidth_digit_one": b"[\xef\xbc\x91]",
    "number_expression": rb"[1+2]",
    "number_hex_1_digit": rb"[0x1]",
    "number_hex_2_digits": rb"[0x42]",
    "number_infinity": rb"[Infinity]",
    "number_invalid+-": rb"[0e+-1]",
    "number_invalid-negative-real": rb"[-123.123foo]",
    "number_invalid-utf-8-in-bigger-int": b"[123\xe5]",
    "number_invalid-utf-8-in-exponent": b"[1e1\xe5]",
    "number_invalid-utf-8-in-int": b"[0\xe5]",
    "number_minus_infinity": rb"[-Infinity]",
    "number_minus_sign_with_trailing_garbage": rb"[-foo]",
    "number_minus_space_1": rb"[- 1]",
    "number_neg_int_starting_with_zero": rb"[-012]",
    "number_neg_real_without_int_part": rb"[-.123]",
    "number_neg_with_garbage_at_end": rb"[-1x]",
    "number_real_garbage_after_e": rb"[1ea]",
    "number_real_with_invalid_utf8_after_e": b"[1e\xe5]",
    "number_real_without_fractional_part": rb"[1.]",
    "number_starting_with_dot": rb"[.123]",
    "number_with_alpha": rb"[1.2a-3]",
    "number_with_alpha_char": rb"[1.8011670033376514H-308]",
    "number_with_leading_zero": rb"[012]",
    "object_bad_value": rb'["x", truth]',
    "object_bracket_key": rb'{[: "x"}',
    "object_comma_instead_of_colon": rb'{"x", null}',
    "object_double_colon": rb'{"x"::"b"}',
    "object_emoji": b"{\xf0\x9f\x87\xa8\xf0\x9f\x87\xad}",
    "object_garbage_at_end": rb'{"a":"a" 123}',
    "object_key_with_single_quotes": rb"{key: 'value'}",
    "object_lone_continuation_byte_in_key_and_trailing_comma": b'{"\xb9":"0",}',
    "object_missing_colon": rb'{"a" b}',
    "object_missing_key": rb'{:"b"}',
    "object_missing_semicolon": rb'{"a" "b"}',
    "object_missing_value": rb'{"a":',
    "object_no-colon": rb'{"a"',
    "object_non_string_key": rb"{1:1}",
    "object_non_string_key_but_huge_number_instead": rb"{9999E9999:1}",
    "object_repeated_null_null": rb"{null:null,null:null}",
    "object_several_trailing_commas": rb'{"id":0,,,,,}',
    "object_single_quote": rb"{'a':0}",
    "object_trailing_comma": rb'{"id":0,}',
    "object_trailing_comment": rb'{"a":"b"}/**/',
    "object_trailing_comment_open": rb'{"a":"b"}/**//',
    "object_trailing_comment_slash_open": rb'{"a":"b"}//',
    "object_trailing_comment_slash_open_incomplete": rb'{"a":"b"}/',
    "object_two_commas_in_a_row": rb'{"a":"b",,"c":"d"}',
    "object_unquoted_key": rb'{a: "b"}',
    "object_unterminated-value": rb'{"a":"a',
    "object_with_single_string": rb'{ "foo" : "bar", "a" }',
    "object_with_trailing_garbage": rb'{"a":"b"}#',
    "single_space": rb" ",
    "string_1_surrogate_then_escape": rb'["\uD800\"]',
    "string_1_surrogate_then_escape_u": rb'["\uD800\u"]',
    "string_1_surrogate_then_escape_u1": rb'["\uD800\u1"]',
    "string_1_surrogate_then_escape_u1x": rb'["\uD800\u1x"]',
    "string_accentuated_char_no_quotes": b"[\xc3\xa9]",
    "string_backslash_00": b'["\\\x00"]',
    "string_escape_x": rb'["\x00"]',
    "string_escaped_backslash_bad": rb'["\\\"]',
    "string_escaped_ctrl_char_tab": b'["\\\t"]',
    "string_escaped_emoji": b'["\\\xf0\x9f\x8c\x80"]',
    "string_incomplete_escape": rb'["\"]',
    "string_incomplete_escaped_character": rb'["\u00A"]',
    "string_incomplete_surrogate": rb'["\uD834\uDd"]',
    "string_incomplete_surrogate_escape_invalid": rb'["\uD800\uD800\x"]',
    "string_invalid-utf-8-in-escape": b'["\\u\xe5"]',
    "string_invalid_backslash_esc": rb'["\a"]',
    "string_invalid_unicode_escape": rb'["\uqqqq"]',
    "string_invalid_utf8_after_escape": b'["\\\xe5"]',
    "string_leading_uescaped_thinspace": rb'[\u0020"asd"]',
    "string_no_quotes_with_bad_escape": rb"[\n]",
    "string_single_doublequote": rb'"',
    "string_single_quote": rb"['single quote']",
    "string_single_string_no_double_quotes": rb"abc",
    "string_start_escape_unclosed": b'["\\',
    "string_unescaped_ctrl_char": b'["a\x00a"]',
    "string_unescaped_newline": b'["new\nline"]',
    "string_unescaped_tab": b'["\t"]',
    "string_unicode_CapitalU": rb'"\UA66D"',
    "string_with_trailing_garbage": rb'""x',
    "structure_100000_opening_arrays": b"[" * 100_000,
    "structure_U+2060_word_joined": b"[\xe2\x81\xa0]",
    "structure_UTF8_BOM_no_data": b"\xef\xbb\xbf",
    "structure_angle_bracket_.": rb"<.>",
    "structure_angle_bracket_null": rb"[<null>]",
    "structure_array_trailing_garbage": rb"[1]x",
    "structure_array_with_extra_array_close": rb"[1]]",
    "structure_array_with_unclosed_string": rb'["asd]',
    "structure_ascii-unicode-identifier": b"a\xc3\xa5",
    "structure_capitalized_True": rb"[True]",
    "structure_close_unopened_array": rb"1]",
    "structure_comma_instead_of_closing_brace": rb'{"x": true,',
    "structure_double_array": rb"[][]",
    "structure_end_array": rb"]",
    "structure_incomplete_UTF8_BOM": b"\xef\xbb{}",
    "structure_lone-invalid-utf-8": b"\xe5",
    "structure_lone-open-bracket": rb"[",
    "structure_no_data": b"",
    "structure_null-byte-outside-string": b"[\x00]",
    "structure_number_with_trailing_garbage": rb"2@",
    "structure_object_followed_by_closing_object": rb"{}}",
    "structure_object_unclosed_no_value": rb'{"":',
    "structure_object_with_comment": rb'{"a":/*comment*/"b"}',
    "structure_object_with_trailing_garbage": rb'{"a": true} "x"',
    "structure_open_array_apostrophe": rb"['",
    "structure_open_array_comma": rb"[,",
    "structure_open_array_object": b'[{"":' * 50_000,
    "structure_open_array_open_object": rb"[{",
    "structure_open_array_open_string": rb'["a',
    "structure_open_array_string": rb'["a"',
    "structure_open_object": rb"{",
    "structure_open_object_close_array": rb"{]",
    "structure_open_object_comma": rb"{,",
    "structure_open_object_open_array": rb"{[",
    "structure_open_object_open_string": rb'{"a',
    "structure_open_object_string_with_apostrophes": rb"{'a'",
    "structure_open_open": rb'["\{["\{["\{["\{',
    "structure_single_eacute": b"\xe9",
    "structure_single_star": rb"*",
    "structure_trailing_#": rb'{"a":"b"}#{}',
    "structure_uescaped_LF_before_string": rb'[\u000A""]',
    "structure_unclosed_array": rb"[1",
    "structure_unclosed_array_partial_null": rb"[ false, nul",
    "structure_unclosed_array_unfinished_false": rb"[ true, fals",
    "structure_unclosed_array_unfinished_true": rb"[ false, tru",
    "structure_unclosed_object": rb'{"asd":"asd"',
    "structure_unicode-identifier": b"\xc3\xa5",
    "structure_whitespace_U+2060_word_joiner": b"\xe2\x81\xa0",
    "structure_whitespace_formfeed": b"[\x0c]",
}

I = {  # noqa: E741 - the suite's own letter
    "number_double_huge_neg_exp": rb"[123.456e-789]",
    "number_huge_exp": b"[0.4e0066999999999" + b"9" * 80 + b"69999999006]",
    "number_neg_int_huge_exp": rb"[-1e+9999]",
    "number_pos_double_huge_exp": rb"[1.5e+9999]",
    "number_real_neg_overflow": rb"[-123123e100000]",
    "number_real_pos_overflow": rb"[123123e100000]",
    "number_real_underflow": rb"[123e-10000000]",
    "number_too_big_neg_int": rb"[-123123123123123123123123123123]",
    "number_too_big_pos_int": rb"[100000000000000000000]",
    "number_very_big_negative_int": rb"[-237462374673276894279832749832423479823246327846]",
    "object_key_lone_2nd_surrogate": rb'{"\uDFAA":0}',
    "string_1st_surrogate_but_2nd_missing": rb'["\uDADA"]',
    "string_1st_valid_surrogate_2nd_invalid": rb'["\uD888\u1234"]',
    "string_UTF-16LE_with_BOM": '\ufeff["\u00e9"]'.encode("utf-16-le"),
    "string_UTF-8_invalid_sequence": b'["\xe6\x97\xa5\xd1\x88\xfa"]',
    "string_UTF8_surrogate_U+D800": b'["\xed\xa0\x80"]',
    "string_incomplete_surrogate_and_escape_valid": rb'["\uD800\n"]',
    "string_incomplete_surrogate_pair": rb'["\uDd1ea"]',
    "string_incomplete_surrogates_escape_valid": rb'["\uD800\uD800\n"]',
    "string_invalid_lonely_surrogate": rb'["\ud800"]',
    "string_invalid_surrogate": rb'["\ud800abc"]',
    "string_invalid_utf-8": b'["\xff"]',
    "string_inverted_surrogates_U+1D11E": rb'["\uDd1e\uD834"]',
    "string_iso_latin_1": b'["\xe9"]',
    "string_lone_second_surrogate": rb'["\uDFAA"]',
    "string_lone_utf8_continuation_byte": b'["\x81"]',
    "string_not_in_unicode_range": b'["\xf4\xbf\xbf\xbf"]',
    "string_overlong_sequence_2_bytes": b'["\xc0\xaf"]',
    "string_overlong_sequence_6_bytes": b'["\xfc\x83\xbf\xbf\xbf\xbf"]',
    "string_overlong_sequence_6_bytes_null": b'["\xfc\x80\x80\x80\x80\x80"]',
    "string_truncated-utf-8": b'["\xe0\xff"]',
    "string_utf16BE_no_BOM": '["\u00e9"]'.encode("utf-16-be"),
    "string_utf16LE_no_BOM": '["\u00e9"]'.encode("utf-16-le"),
    "structure_500_nested_arrays": b"[" * 500 + b"]" * 500,
    "structure_UTF-8_BOM_empty_object": b"\xef\xbb\xbf{}",
}
# What we make of these: numbers that floating point holds, however long they are, and nothing else.
TAKEN = {
    "number_double_huge_neg_exp", "number_real_underflow", "number_too_big_neg_int", "number_too_big_pos_int",
    "number_very_big_negative_int",
}  # fmt: skip

MICRO = MODELS["nova-micro"]
RECORD = (
    b'{"schemaVersion":"bedrock-conversation-2024","messages":[{"role":"user","content":[{"text":"How many?"}]},'
    b'{"role":"assistant","content":[{"text":"Two"}]}]}'
)


def found(line: bytes) -> list[str]:
    return [issue.rule for issue in explain(line, model=MICRO) if issue.rule.startswith("json.")]


def placed(case: bytes) -> list[bytes]:
    """The case where it can stand in a record: as an unknown key's value, and as a text where it is one."""
    return [RECORD[:-1] + b',"x":' + case + b"}", RECORD.replace(b'[{"text":"Two"}]', case)]


def test_the_suite_is_whole():
    """There are as many cases of each class as in the public suite."""
    assert (len(Y), len(N), len(I)) == (95, 188, 35)


@pytest.mark.parametrize("name", Y)
def test_what_must_parse_has_no_json_finding(name):
    """A line that must be accepted is never faulted for its JSON, alone or inside a record."""
    for line in (Y[name], *placed(Y[name])):
        assert found(line) == []
        assert decode(line)[0] == json.loads(line)


@pytest.mark.parametrize("name", N)
def test_what_must_not_parse_has_a_json_finding(name):
    """A line that must be refused has one finding, of JSON, alone or inside a record, and is never accepted."""
    for line in (N[name], placed(N[name])[0]):
        assert len(found(line)) == 1
        assert explain(line, model=MICRO)[0].severity == "error"
        assert not accept_batch([line])
        with pytest.raises((ValueError, RecursionError)):
            msgspec.json.decode(line)


@pytest.mark.parametrize("name", I)
def test_what_is_left_open_never_crashes(name):
    """Numbers beyond 64 bits pass; numbers beyond floating point, broken text and deep nesting have a finding."""
    for line in (I[name], *placed(I[name])):
        assert len(found(line)) == (name not in TAKEN)
        assert not accept_batch([line]) or not explain(line, model=MICRO)


def test_all_of_them_as_one_file(tmp_path):
    """As the lines of one file, each has the findings it has alone, on its own line; blank ones are blank."""
    cases = {**Y, **{f"n_{name}": case for name, case in N.items()}, **{f"i_{name}": case for name, case in I.items()}}
    lines = [RECORD, *(line for line in cases.values() if b"\n" not in line), RECORD]
    path = tmp_path / "suite.jsonl"
    path.write_bytes(b"\n".join(lines))
    report = Dataset.from_jsonl(path).validate(model="nova-micro")
    alone = [rule for line in lines if line.strip() for rule in found(line)]
    assert sum(count for rule, count in report.counts_by_rule.items() if rule.startswith("json.")) == len(alone)
    assert report.counts_by_rule["lines.blank"] == 2
    assert report.records == len(lines) - 2
