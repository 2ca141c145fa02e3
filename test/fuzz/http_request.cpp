// The requests that the server's parser finds in the bytes of a connection.

#include <algorithm>
#include <cctype>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "http/request_parser.h"
#include "test/fuzz/fuzz.h"

namespace receiver::fuzz {
namespace {

using http::RequestParser;

/// Small, so that short inputs reach them.
const http::ServerLimits kLimits = [] {
  http::ServerLimits limits;
  limits.header_bytes = 600;
  limits.header_fields = 10;
  limits.body_bytes = 200;
  return limits;
}();

/// The peer of a connection: passes the next bytes of the input to the parser.
class Peer {
 public:
  Peer(std::string_view bytes, const Cut& cut) : bytes_(bytes), cut_(cut) {}

  /// False at the end.
  bool feed(RequestParser& parser) {
    if (bytes_.empty()) return false;
    const auto room = parser.prepare();
    require(!room.empty(), "there is always room for more");
    const std::size_t size = std::min(cut_(bytes_.size()), room.size());
    std::memcpy(room.data(), bytes_.data(), size);
    parser.commit(size);
    bytes_.remove_prefix(size);
    return true;
  }

 private:
  std::string_view bytes_;
  const Cut& cut_;
};

/// Nothing if it is rejected or ends early: which of the two may depend on the pieces.
std::optional<std::string> read_body(RequestParser& parser, Peer& peer) {
  std::string body;
  for (;;) {
    const auto piece = parser.parse_body();
    if (!piece) {
      require(parser.parse_body().error() == piece.error(), "a body's failure is final");
      return std::nullopt;
    }
    if (*piece && (*piece)->empty()) return body;
    if (*piece) {
      body += **piece;
      require(body.size() <= kLimits.body_bytes, "a body is bounded");
    } else if (!peer.feed(parser)) {
      return std::nullopt;
    }
  }
}

/// False if there is no header, or it is rejected.
bool read_head(RequestParser& parser, Peer& peer) {
  parser.begin({});
  for (;;) {
    const auto step = parser.parse_head();
    if (step == RequestParser::HeadStep::kComplete) return true;
    if (step == RequestParser::HeadStep::kRefused) {
      require(!parser.refusal().reason.empty(), "a refusal has a reason");
      return false;
    }
    if (!peer.feed(parser)) return false;
  }
}

/// Describes what is served of these bytes, up to where a server would close the connection.
std::string transcript(std::string_view bytes, const Cut& cut) {
  std::string heard;
  RequestParser parser(kLimits);
  Peer peer(bytes, cut);
  while (parser.has_bytes() || peer.feed(parser)) {
    if (!read_head(parser, peer)) return heard + "no head";
    const http::RequestHead& head = parser.head();
    heard += head.method + " " + head.target + "\n";
    for (const auto& [name, value] : head.headers.fields()) heard += name + ":" + value + "\n";
    const auto body = read_body(parser, peer);
    if (!body) return heard + "no body";
    heard += *body + "\n";
    if (!parser.keep_alive()) return heard + "closed";
    parser.release();
  }
  return heard;
}

// What another reader sees in the same bytes: only lines.

bool is_field(std::string_view line, std::string_view name) {
  return line.size() > name.size() && line[name.size()] == ':' &&
         std::ranges::equal(line.substr(0, name.size()), name, [](char letter, char lower) {
           return std::tolower(static_cast<unsigned char>(letter)) == lower;
         });
}

/// There must be only one way to read a header that was served.
void check_head(std::string_view bytes) {
  std::string_view head = bytes.substr(0, bytes.find("\r\n\r\n") + 2);
  require(head.find('\0') == std::string_view::npos, "a head holds no NUL");
  std::size_t hosts = 0, lengths = 0, encodings = 0;
  for (bool first = true; !head.empty(); first = false) {
    const std::string_view line = head.substr(0, head.find("\r\n"));
    head.remove_prefix(line.size() + 2);
    require(line.find_first_of("\r\n") == std::string_view::npos, "lines end in CR and LF");
    if (first) continue;
    require(!line.starts_with(' ') && !line.starts_with('\t'), "no line is folded");
    require(line.find(':') != std::string_view::npos, "each line is a field");
    hosts += is_field(line, "host") ? 1 : 0;
    lengths += is_field(line, "content-length") ? 1 : 0;
    encodings += is_field(line, "transfer-encoding") ? 1 : 0;
  }
  require(hosts <= 1, "there is no second Host");
  require(lengths + encodings <= 1, "there is one way to tell where the body ends");
}

}  // namespace

void fuzz(std::string_view input) {
  std::optional<std::string> whole;
  for_each_cut(input, [&](const Cut& cut) {
    std::string heard = transcript(input, cut);
    if (!whole) {
      whole = std::move(heard);
    } else {
      require_equal(heard, *whole, "what a peer says does not depend on how it is cut");
    }
  });
  // Beast skips empty lines before the first header.
  const bool served = whole->find('\n') != std::string::npos;
  if (served) check_head(input.substr(std::min(input.find_first_not_of("\r\n"), input.size())));
}

}  // namespace receiver::fuzz
