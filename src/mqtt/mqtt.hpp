// The public header of the room: the broker (broker.hpp) and the client (client.hpp).
#pragma once

#include "mqtt/broker.hpp"
#include "mqtt/client.hpp"
