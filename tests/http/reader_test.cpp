// Requests as bytes: what is read, what is refused and with which code, however the bytes are cut.
#include "http/reader.hpp"

#include <gtest/gtest.h>

namespace skerry::http {
namespace {

using Event = RequestReader::Event;

TEST(RequestReader, ReadsARequestWhereverItsBytesAreCut) {
  const std::string bytes =
      "\r\nPOST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
      "GET /next HTTP/1.1\r\nHost: x\r\n\r\n";
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    RequestReader reader({});
    std::string in;
    std::vector<std::string> seen;
    for (const auto& piece : {bytes.substr(0, cut), bytes.substr(cut)}) {
      in += piece;
      for (auto event = reader.read(in); event != Event::more; event = reader.read(in)) {
        ASSERT_EQ(event, Event::request) << cut << reader.detail();
        seen.push_back(reader.request().method + " " + reader.request().target + " " + reader.request().body);
      }
    }
    ASSERT_EQ(seen, (std::vector<std::string>{"POST /a?b=c hello", "GET /next "})) << cut;
  }
}

TEST(RequestReader, ReadsChunks) {
  RequestReader reader({});
  std::string in =
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: "
      "t\r\n\r\n";
  ASSERT_EQ(reader.read(in), Event::request);
  EXPECT_EQ(reader.request().body, "hello");
  EXPECT_TRUE(in.empty());
}

TEST(RequestReader, TellsTheClientToProceed) {
  RequestReader reader({});
  std::string in = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
  EXPECT_EQ(reader.read(in), Event::proceed);
  EXPECT_EQ(reader.read(in), Event::more);
  in = "ok";
  EXPECT_EQ(reader.read(in), Event::request);
}

TEST(RequestReader, RefusesTooLongABodyBeforeItComes) {
  RequestReader reader({.body_bytes_max = 100});
  std::string in = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\nExpect: 100-continue\r\n\r\n";
  ASSERT_EQ(reader.read(in), Event::malformed);
  EXPECT_EQ(reader.status(), 413);
}

struct Bad {
  const char* name;
  std::string bytes;
  int status;
};

class Refused : public testing::TestWithParam<Bad> {};

TEST_P(Refused, WithItsCode) {
  for (const bool at_once : {true, false}) {
    RequestReader reader({.header_bytes_max = 16 * KiB, .body_bytes_max = 1000});
    std::string in;
    auto event = Event::more;
    const auto& bytes = GetParam().bytes;
    if (at_once) {
      in = bytes;
      event = reader.read(in);
    } else {
      for (std::size_t i = 0; i < bytes.size() && event != Event::malformed; ++i) {
        in += bytes[i];
        event = reader.read(in);
      }
    }
    ASSERT_EQ(event, Event::malformed) << reader.request().target;
    EXPECT_EQ(reader.status(), GetParam().status) << reader.detail();
    EXPECT_FALSE(reader.detail().empty());
    EXPECT_EQ(reader.read(in), Event::malformed) << "nothing is read after it";
  }
}

const std::string long_value(20'000, 'x');

INSTANTIATE_TEST_SUITE_P(
    Requests, Refused,
    testing::Values(
        Bad{"no_request", "hello world\r\n\r\n", 400},
        Bad{"tls", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n", 12), 400},
        Bad{"no_target", "GET HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        Bad{"two_spaces", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        Bad{"http2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505}, Bad{"http09", "GET / HTTP/0.9\r\nHost: x\r\n\r\n", 505},
        Bad{"bare_lf", "GET / HTTP/1.1\nHost: x\r\n\r\n", 505}, Bad{"no_host", "GET / HTTP/1.1\r\nA: b\r\n\r\n", 400},
        Bad{"two_hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400},
        Bad{"space_before_colon", "GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400},
        Bad{"no_colon", "GET / HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n", 400},
        Bad{"control_in_value",
            std::string("GET / HTTP/1.1\r\nHost: x\r\nA: b\x01"
                        "c\r\n\r\n"),
            400},
        Bad{"nul_in_target", std::string("GET /a\0b HTTP/1.1\r\nHost: x\r\n\r\n", 30), 400},
        Bad{"length_and_chunked",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        Bad{"chunked_and_length",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", 400},
        Bad{"two_lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde", 400},
        Bad{"same_length_twice", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
            400},
        Bad{"length_list", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4, 4\r\n\r\nabcd", 400},
        Bad{"length_negative", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400},
        Bad{"length_plus", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +4\r\n\r\nabcd", 400},
        Bad{"length_hex", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x4\r\n\r\nabcd", 400},
        Bad{"length_overflow", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400},
        Bad{"two_codings", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
        Bad{"coding_identity",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\nContent-Length: 1\r\n\r\nx", 501},
        Bad{"coding_twice",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400},
        Bad{"coding_obfuscated", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501},
        Bad{"chunked_in_1_0", "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        Bad{"chunk_size_bad", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", 400},
        Bad{"chunk_too_long", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n", 413},
        Bad{"chunk_without_end", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;" + long_value,
            400},
        Bad{"body_too_long", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n", 413},
        Bad{"head_too_long", "GET / HTTP/1.1\r\nHost: x\r\nA: " + long_value + "\r\n\r\n", 431},
        Bad{"head_without_end", "GET /" + long_value, 431},
        Bad{"target_too_long", "GET /" + long_value.substr(0, 9'000) + " HTTP/1.1\r\nHost: x\r\n\r\n", 414},
        Bad{"host_in_trailer", "POST / HTTP/1.1\r\nHsot: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nHost: x\r\n\r\n",
            400},  // found by fuzzing
        Bad{"expectation", "POST / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nContent-Length: 1\r\n\r\nx", 417}),
    [](const testing::TestParamInfo<Bad>& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace skerry::http
