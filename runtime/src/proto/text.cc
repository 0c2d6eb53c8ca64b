// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "proto/text.h"

#include <algorithm>
#include <cstring>

#include "proto/text_lexer.h"
#include "proto/text_schema.h"
#include "proto/wire.h"

namespace mdeploy::proto {
namespace {

constexpr int kMaxDepth = 32;

class TextParser {
 public:
  explicit TextParser(std::string_view text) : lexer_(text) {}

  Status parse(std::string* wire) {
    MDEPLOY_TRY(advance());
    return message(netdef_schema(), '\0', 0, wire);
  }

 private:
  Status advance() { return lexer_.next(&token_); }

  Status unexpected(std::string_view expected) const {
    if (token_.kind == TokenKind::kEnd)
      return bad_input("line ", token_.line, ": expected ", expected, ", found the end");
    return bad_input("line ", token_.line, ": expected ", expected, ", found ", quoted(token_.text));
  }

  // Fields up to `close`, or up to the end of the text where that is 0. The closing token is consumed.
  Status message(const MessageSchema& schema, char close, int depth, std::string* out) {
    if (depth > kMaxDepth) return bad_input("line ", token_.line, ": messages are nested too deeply");
    for (;;) {
      if (token_.kind == TokenKind::kEnd) return close == '\0' ? Status() : unexpected("the end of a message");
      if (close != '\0' && token_.is(close)) return advance();
      if (token_.kind != TokenKind::kWord) return unexpected("a field name");
      const FieldSchema* field = schema.find(token_.text);
      if (field == nullptr) {
        return bad_input("line ", token_.line, ": ", schema.name, " has no field ", quoted(token_.text));
      }
      MDEPLOY_TRY(advance());
      MDEPLOY_TRY(values(*field, depth, out));
      if (token_.is(',') || token_.is(';')) MDEPLOY_TRY(advance());
    }
  }

  // What follows a field's name: one value, or a list in brackets.
  Status values(const FieldSchema& field, int depth, std::string* out) {
    const bool colon = token_.is(':');
    if (colon) MDEPLOY_TRY(advance());
    if (!colon && field.kind != FieldKind::kMessage) return unexpected("\":\"");
    if (!token_.is('[')) return value(field, depth, out);
    MDEPLOY_TRY(advance());
    if (token_.is(']')) return advance();
    for (;;) {
      MDEPLOY_TRY(value(field, depth, out));
      if (token_.is(']')) return advance();
      if (!token_.is(',')) return unexpected("\",\" or \"]\"");
      MDEPLOY_TRY(advance());
    }
  }

  Status value(const FieldSchema& field, int depth, std::string* out) {
    switch (field.kind) {
      case FieldKind::kMessage: {
        const char close = token_.is('{') ? '}' : token_.is('<') ? '>' : '\0';
        if (close == '\0') return unexpected("a message in braces");
        MDEPLOY_TRY(advance());
        std::string body;
        MDEPLOY_TRY(message(*field.message, close, depth + 1, &body));
        append_bytes(*out, field.number, body);
        return {};
      }
      case FieldKind::kBytes: {
        if (token_.kind != TokenKind::kString) return unexpected("a string");
        std::string bytes;
        while (token_.kind == TokenKind::kString) {  // neighbours are joined
          MDEPLOY_TRY(append_unescaped(token_, &bytes));
          MDEPLOY_TRY(advance());
        }
        append_bytes(*out, field.number, bytes);
        return {};
      }
      default: return number(field, out);
    }
  }

  Status number(const FieldSchema& field, std::string* out) {
    const bool negative = token_.is('-');
    if (negative) MDEPLOY_TRY(advance());
    if (field.kind == FieldKind::kFloat || field.kind == FieldKind::kDouble) {
      double wide = 0;
      MDEPLOY_TRY(parse_float(token_, negative, &wide));
      if (field.kind == FieldKind::kFloat) {
        append_fixed(static_cast<float>(wide), field.number, WireType::kFixed32, out);
      } else {
        append_fixed(wide, field.number, WireType::kFixed64, out);
      }
    } else {
      int64_t integer = 0;
      if (token_.kind == TokenKind::kWord && !negative) {
        if (field.kind == FieldKind::kBool && (token_.text == "true" || token_.text == "false")) {
          integer = token_.text == "true";
        } else if (const auto named = enum_value(token_.text); named && field.kind == FieldKind::kInteger) {
          integer = *named;
        } else {
          return unexpected("a number");
        }
      } else {
        MDEPLOY_TRY(parse_integer(token_, negative, &integer));
      }
      append_tag(*out, field.number, WireType::kVarint);
      append_varint(*out, static_cast<uint64_t>(integer));
    }
    return advance();
  }

  template <typename T>
  static void append_fixed(T value, uint32_t number, WireType type, std::string* out) {
    append_tag(*out, number, type);
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    out->append(bytes, sizeof(T));
  }

  TextLexer lexer_;
  Token token_;
};

}  // namespace

bool looks_like_text(std::string_view bytes) {
  const std::string_view head = bytes.substr(0, 4096);
  const size_t first = head.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return false;
  const char c = head[first];
  if (c != '#' && c != '_' && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z')) return false;
  return std::none_of(head.begin(), head.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == 0x7f || (byte < 0x20 && byte != '\n' && byte != '\r' && byte != '\t');
  });
}

Status text_to_wire(std::string_view text, std::string* wire) {
  wire->clear();
  return TextParser(text).parse(wire);
}

}  // namespace mdeploy::proto
