// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "proto/text_lexer.h"

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace mdeploy::proto {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
int digit_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 99;
}

Status error_at(const Token& token, std::string_view what) {
  return bad_input("line ", token.line, ": ", what, " ", quoted(token.text));
}

}  // namespace

Status TextLexer::next(Token* token) {
  while (position_ < text_.size()) {
    const char c = text_[position_];
    if (c == '#') {
      while (position_ < text_.size() && text_[position_] != '\n') ++position_;
    } else if (is_space(c)) {
      if (c == '\n') ++line_;
      ++position_;
    } else {
      break;
    }
  }
  token->line = line_;
  const size_t start = position_;
  if (start == text_.size()) {
    token->kind = TokenKind::kEnd;
    token->text = {};
    return {};
  }
  const char c = text_[start];
  if (c == '"' || c == '\'') {
    size_t end = start + 1;
    while (end < text_.size() && text_[end] != c && text_[end] != '\n') end += text_[end] == '\\' ? 2 : 1;
    if (end >= text_.size() || text_[end] != c) return bad_input("line ", line_, ": a string does not end");
    token->kind = TokenKind::kString;
    token->text = text_.substr(start + 1, end - start - 1);
    position_ = end + 1;
    return {};
  }
  if (is_letter(c) || is_digit(c) || c == '.') {
    token->kind = is_letter(c) ? TokenKind::kWord : TokenKind::kNumber;
    size_t end = start;
    while (end < text_.size()) {
      const char e = text_[end];
      const bool exponent_sign = (e == '+' || e == '-') && token->kind == TokenKind::kNumber &&
                                 (text_[end - 1] == 'e' || text_[end - 1] == 'E') && end > start;
      if (!is_letter(e) && !is_digit(e) && e != '.' && !exponent_sign) break;
      ++end;
    }
    token->text = text_.substr(start, end - start);
    position_ = end;
    return {};
  }
  token->kind = TokenKind::kPunctuation;
  token->text = text_.substr(start, 1);
  ++position_;
  return {};
}

Status parse_integer(const Token& token, bool negative, int64_t* value) {
  if (token.kind != TokenKind::kNumber) return error_at(token, "expected an integer, found");
  std::string_view digits = token.text;
  uint64_t base = 10;
  if (digits.size() > 2 && digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X')) {
    base = 16;
    digits.remove_prefix(2);
  } else if (digits.size() > 1 && digits[0] == '0') {
    base = 8;
  }
  uint64_t magnitude = 0;
  for (char c : digits) {
    const auto digit = static_cast<uint64_t>(digit_value(c));
    if (digit >= base) return error_at(token, "expected an integer, found");
    if (magnitude > (UINT64_MAX - digit) / base) return error_at(token, "an integer is out of range:");
    magnitude = magnitude * base + digit;
  }
  const uint64_t limit = static_cast<uint64_t>(INT64_MAX) + (negative ? 1 : 0);
  if (magnitude > limit) return error_at(token, "an integer is out of range:");
  *value = static_cast<int64_t>(negative ? ~magnitude + 1 : magnitude);
  return {};
}

Status parse_float(const Token& token, bool negative, double* value) {
  std::string text(token.text);
  if (token.kind == TokenKind::kWord) {
    for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    if (text == "inf" || text == "infinity") {
      *value = std::numeric_limits<double>::infinity();
    } else if (text == "nan") {
      *value = std::numeric_limits<double>::quiet_NaN();
    } else {
      return error_at(token, "expected a number, found");
    }
  } else if (token.kind == TokenKind::kNumber) {
    if (text.back() == 'f' || text.back() == 'F') text.pop_back();
    char* end = nullptr;
    *value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0') return error_at(token, "expected a number, found");
  } else {
    return error_at(token, "expected a number, found");
  }
  if (negative) *value = -*value;
  return {};
}

Status append_unescaped(const Token& token, std::string* out) {
  const std::string_view text = token.text;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      *out += text[i];
      continue;
    }
    const char c = ++i < text.size() ? text[i] : '\0';
    constexpr std::string_view kNames = "abfnrtv\\'\"?";
    constexpr std::string_view kValues = "\a\b\f\n\r\t\v\\'\"?";
    if (const size_t k = kNames.find(c); c != '\0' && k != std::string_view::npos) {
      *out += kValues[k];
      continue;
    }
    const int base = c == 'x' || c == 'X' ? 16 : 8;
    const size_t longest = base == 16 ? 2 : 3;
    if (base == 16) ++i;
    int value = 0;
    size_t length = 0;
    for (; length < longest && i < text.size() && digit_value(text[i]) < base; ++length, ++i) {
      value = value * base + digit_value(text[i]);
    }
    if (length == 0 || value > 255) return error_at(token, "an unknown escape in");
    *out += static_cast<char>(value);
    --i;
  }
  return {};
}

}  // namespace mdeploy::proto
