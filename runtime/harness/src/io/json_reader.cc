// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "io/json_reader.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <unordered_set>

#include "io/text.h"
#include "io/utf8.h"

namespace mdeploy::harness {
namespace {

constexpr int kMaxDepth = 32;
constexpr size_t kMaxValues = 500'000;  // a manifest has a few thousand; each takes about 150 bytes here

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  bool document(JsonValue* value) {
    if (!this->value(value, 0)) return false;
    skip_blanks();
    return at_ == text_.size() || fail("something follows the document");
  }

  std::string error() const {
    size_t line = 1, column = 1;
    for (size_t i = 0; i < at_ && i < text_.size(); ++i) {
      column = text_[i] == '\n' ? 1 : column + 1;
      line += text_[i] == '\n';
    }
    return format("line %zu column %zu: %s", line, column, problem_);
  }

 private:
  bool fail(const char* problem) {
    if (problem_ == nullptr) problem_ = problem;
    return false;
  }

  bool done() const { return at_ >= text_.size(); }

  void skip_blanks() {
    while (!done() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) ++at_;
  }

  bool take(char wanted) {
    skip_blanks();
    if (done() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }

  bool word(std::string_view wanted) {
    if (text_.substr(at_, wanted.size()) != wanted) return fail("not a JSON value");
    at_ += wanted.size();
    return true;
  }

  bool value(JsonValue* value, int depth) {
    if (depth > kMaxDepth) return fail("nested too deeply");
    if (++values_ > kMaxValues) return fail("too many values");
    skip_blanks();
    if (done()) return fail("ends too early");
    switch (text_[at_]) {
      case '{': return object(value, depth);
      case '[': return array(value, depth);
      case '"': value->kind = JsonValue::Kind::kString; return string(&value->string);
      case 't':
        value->kind = JsonValue::Kind::kBoolean;
        value->boolean = true;
        return word("true");
      case 'f': value->kind = JsonValue::Kind::kBoolean; return word("false");
      case 'n': return word("null");
      default: return number(value);
    }
  }

  bool object(JsonValue* value, int depth) {
    value->kind = JsonValue::Kind::kObject;
    ++at_;
    if (take('}')) return true;
    std::unordered_set<std::string> names;
    do {
      skip_blanks();
      std::string name;
      if (done() || text_[at_] != '"') return fail("a key in quotes is expected");
      if (!string(&name)) return false;
      if (!names.insert(name).second) return fail("the same key twice");
      if (!take(':')) return fail("':' is expected");
      value->members.emplace_back(std::move(name), JsonValue());
      if (!this->value(&value->members.back().second, depth + 1)) return false;
    } while (take(','));
    return take('}') || fail("',' or '}' is expected");
  }

  bool array(JsonValue* value, int depth) {
    value->kind = JsonValue::Kind::kArray;
    ++at_;
    if (take(']')) return true;
    do {
      value->items.emplace_back();
      if (!this->value(&value->items.back(), depth + 1)) return false;
    } while (take(','));
    return take(']') || fail("',' or ']' is expected");
  }

  bool string(std::string* result) {
    ++at_;
    while (!done()) {
      const char c = text_[at_];
      if (c == '"') return ++at_, true;
      if (static_cast<unsigned char>(c) < 0x20) return fail("a control character in a string");
      if (c == '\\') {
        if (!escape(result)) return false;
        continue;
      }
      const size_t length = utf8_character(text_.substr(at_));
      if (length == 0) return fail("invalid UTF-8");
      result->append(text_.substr(at_, length));
      at_ += length;
    }
    return fail("a string without end");
  }

  bool escape(std::string* result) {
    ++at_;
    if (done()) return fail("a string without end");
    const char c = text_[at_++];
    switch (c) {
      case '"':
      case '\\':
      case '/': result->push_back(c); return true;
      case 'b': result->push_back('\b'); return true;
      case 'f': result->push_back('\f'); return true;
      case 'n': result->push_back('\n'); return true;
      case 'r': result->push_back('\r'); return true;
      case 't': result->push_back('\t'); return true;
      case 'u': break;
      default: return fail("an unknown escape in a string");
    }
    uint32_t code = 0, low = 0;
    if (!hex4(&code)) return false;
    if (code >= 0xDC00 && code <= 0xDFFF) return fail("a lone surrogate");
    if (code >= 0xD800 && code <= 0xDBFF) {
      if (text_.substr(at_, 2) != "\\u") return fail("a lone surrogate");
      at_ += 2;
      if (!hex4(&low)) return false;
      if (low < 0xDC00 || low > 0xDFFF) return fail("a lone surrogate");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(code, result);
    return true;
  }

  bool hex4(uint32_t* code) {
    if (text_.size() - at_ < 4) return fail("a short \\u escape");
    for (int i = 0; i < 4; ++i) {
      const char c = text_[at_++];
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) return fail("a \\u escape that is not hexadecimal");
      *code = *code << 4 | static_cast<uint32_t>(digit);
    }
    return true;
  }

  size_t digits() {
    const size_t start = at_;
    while (!done() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
    return at_ - start;
  }

  bool number(JsonValue* value) {
    const size_t start = at_;
    bool integral = true;
    if (text_[at_] == '-') ++at_;
    const bool leading_zero = !done() && text_[at_] == '0';
    const size_t count = digits();
    if (count == 0) return fail("not a JSON value");
    if (leading_zero && count > 1) return fail("a number with a leading zero");
    if (!done() && text_[at_] == '.') {
      ++at_, integral = false;
      if (digits() == 0) return fail("a number without digits after the point");
    }
    if (!done() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      ++at_, integral = false;
      if (!done() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
      if (digits() == 0) return fail("a number without digits in its exponent");
    }
    const std::string_view written = text_.substr(start, at_ - start);
    value->kind = JsonValue::Kind::kNumber;
    if (!parse_double(written, &value->number)) return fail("a number out of range");
    value->is_integer = integral && parse_int(written, &value->integer);
    return true;
  }

  std::string_view text_;
  size_t at_ = 0;
  size_t values_ = 0;
  const char* problem_ = nullptr;
};

}  // namespace

const JsonValue* JsonValue::find(std::string_view name) const {
  const auto found = std::find_if(members.begin(), members.end(), [&](const auto& m) { return m.first == name; });
  return found == members.end() ? nullptr : &found->second;
}

Status parse_json(std::string_view text, const std::string& where, JsonValue* value) {
  Parser parser(text);
  if (parser.document(value)) return {};
  return bad_input(format("%s: not valid JSON: %s", where.c_str(), parser.error().c_str()));
}

}  // namespace mdeploy::harness
