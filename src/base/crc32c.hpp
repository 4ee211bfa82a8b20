// CRC-32C (Castagnoli, RFC 3720 appendix B.4): the checksum of everything Skerry stores.
#pragma once

#include "base/bytes.hpp"

namespace skerry {

// Continue a checksum by passing the one so far.
std::uint32_t crc32c(Bytes bytes, std::uint32_t so_far = 0);

}  // namespace skerry
