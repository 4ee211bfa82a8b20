// Settings of the cloud side.
#pragma once

#include "base/config.hpp"

namespace skerry::cloud {

config::Schema schema();
config::Sections sections();

}  // namespace skerry::cloud
