// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Tokens of protobuf's text format.
#ifndef MDEPLOY_PROTO_TEXT_LEXER_H_
#define MDEPLOY_PROTO_TEXT_LEXER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace mdeploy::proto {

enum class TokenKind { kEnd, kWord, kNumber, kString, kPunctuation };

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string_view text;  // as written; a string without its quotes, escapes not yet resolved
  int line = 1;

  bool is(char punctuation) const {
    return kind == TokenKind::kPunctuation && text.size() == 1 && text[0] == punctuation;
  }
};

class TextLexer {
 public:
  explicit TextLexer(std::string_view text) : text_(text) {}
  // Reads the next token, past white space and # comments.
  Status next(Token* token);

 private:
  std::string_view text_;
  size_t position_ = 0;
  int line_ = 1;
};

// Values of tokens.
Status parse_integer(const Token& token, bool negative, int64_t* value);
Status parse_float(const Token& token, bool negative, double* value);
Status append_unescaped(const Token& token, std::string* out);

}  // namespace mdeploy::proto

#endif  // MDEPLOY_PROTO_TEXT_LEXER_H_
