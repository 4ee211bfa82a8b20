// The client: one connection at a time, and what is not acknowledged yet.
#include "mqtt/client.hpp"

#include <algorithm>

#include "mqtt/limits.hpp"

namespace skerry::mqtt {

namespace {

struct Outgoing {
  std::uint16_t packet_id = 0;
  std::uint8_t qos = 1;
  bool retain = false;
  bool sent = false;
  bool received = false;  // QoS 2: PUBREC came
  std::string topic;
  Buffer payload;
  Buffer properties;
};

}  // namespace

struct Client::Inside final : ConnectionHandler, std::enable_shared_from_this<Client::Inside> {
  Inside(Loop& l, ClientOptions o, Handlers h) : loop(l), options(std::move(o)), handlers(std::move(h)) {}

  void on_bytes(Bytes bytes) override;
  void on_closed(const Error& why) override { closed(why); }

  void open();
  void opened(Result<std::unique_ptr<Connection>> made);
  void closed(const Error& why);
  void take(const Frame& frame);
  void on_connack(const Frame& frame);
  void on_publish(const Frame& frame);
  void on_ack(const Frame& frame);
  void send_publish(Outgoing& message, bool dup);
  void send_ack(Type type, std::uint16_t packet_id);
  void keep_alive();
  std::uint16_t next_id();
  void send(const Buffer& bytes) {
    if (connection) connection->send(bytes);
  }

  Loop& loop;
  ClientOptions options;
  Handlers handlers;
  std::unique_ptr<Connection> connection;
  std::unique_ptr<Timer> ping;
  std::unique_ptr<Timer> retry;
  Buffer partial;
  bool accepted = false;
  bool stopped = false;
  bool gone = false;  // the Client was destroyed
  bool once_connected = false;
  std::uint16_t last_id = 0;
  std::size_t server_window = 0xffff;
  std::deque<Outgoing> out;
  PacketIds taken;  // QoS 2 from the server
  std::map<std::uint16_t, std::function<void(std::uint8_t)>> subscribing;
  std::optional<Reason> told;  // by the server's DISCONNECT
};

Client::Client(Loop& loop, ClientOptions options, Handlers handlers)
    : inside_(std::make_shared<Inside>(loop, std::move(options), std::move(handlers))) {}

Client::~Client() {
  inside_->gone = true;
  inside_->stopped = true;
  inside_->ping.reset();
  inside_->retry.reset();
  inside_->connection.reset();
}

void Client::connect() {
  inside_->stopped = false;
  inside_->open();
}

void Client::disconnect(Reason reason) {
  auto& in = *inside_;
  in.stopped = true;
  if (!in.connection) return;
  Buffer bytes;
  encode_disconnect(bytes, in.options.version, reason);
  in.send(bytes);
  in.connection->close();
  in.connection.reset();
  in.ping.reset();
  in.accepted = false;
  in.partial.clear();
}

bool Client::connected() const { return inside_->accepted; }
std::size_t Client::unacknowledged() const { return inside_->out.size(); }

Result<std::uint16_t> Client::publish(std::string_view topic, Bytes payload, std::uint8_t qos, bool retain,
                                      Bytes properties) {
  auto& in = *inside_;
  if (qos == 0) {
    if (!in.accepted) return fail(Code::closed, "not connected");
    Publish packet;
    packet.topic = topic;
    packet.payload = payload;
    packet.retain = retain;
    packet.properties = properties;
    Buffer bytes;
    encode(bytes, in.options.version, packet);
    in.send(bytes);
    return 0;
  }
  if (in.out.size() >= std::min(in.options.window, in.server_window))
    return fail(Code::busy, "too much is not acknowledged yet");
  auto& message = in.out.emplace_back();
  message.packet_id = in.next_id();
  message.qos = qos;
  message.retain = retain;
  message.topic = topic;
  append_bytes(message.payload, payload);
  append_bytes(message.properties, properties);
  if (in.accepted) in.send_publish(message, false);
  return message.packet_id;
}

void Client::subscribe(const Filter& filter, std::function<void(std::uint8_t)> done) {
  auto& in = *inside_;
  if (!in.accepted) return;
  Subscribe packet;
  packet.packet_id = in.next_id();
  packet.filters.push_back(filter);
  Buffer bytes;
  encode(bytes, in.options.version, packet);
  in.subscribing[packet.packet_id] = std::move(done);
  in.send(bytes);
}

void Client::unsubscribe(std::string_view filter) {
  auto& in = *inside_;
  if (!in.accepted) return;
  Unsubscribe packet;
  packet.packet_id = in.next_id();
  packet.filters.push_back(filter);
  Buffer bytes;
  encode(bytes, in.options.version, packet);
  in.send(bytes);
}

// ---- inside ----

std::uint16_t Client::Inside::next_id() {
  const auto used = [&](std::uint16_t id) {
    return subscribing.contains(id) || std::ranges::any_of(out, [&](const auto& m) { return m.packet_id == id; });
  };
  do {
    if (++last_id == 0) last_id = 1;
  } while (used(last_id));
  return last_id;
}

void Client::Inside::open() {
  loop.connect(options.server, [self = shared_from_this()](Result<std::unique_ptr<Connection>> made) {
    if (!self->stopped) self->opened(std::move(made));
  });
}

void Client::Inside::opened(Result<std::unique_ptr<Connection>> made) {
  if (!made) return closed(made.error());
  connection = std::move(*made);
  partial.clear();
  told.reset();
  loop.start(*connection, *this);
  Connect packet;
  packet.version = options.version;
  packet.clean_start =
      options.clean_start && !once_connected;  // only the first time: then it comes back to its session
  if (options.clean_start && options.session_expiry_s == 0) packet.clean_start = true;
  packet.keep_alive_s = options.keep_alive_s;
  packet.client_id = options.client_id;
  if (options.user) packet.user = *options.user;
  if (options.password) packet.password = as_bytes(*options.password);
  Buffer properties;
  if (options.session_expiry_s != 0) put_number(properties, Property::session_expiry, options.session_expiry_s);
  packet.properties = properties;
  Buffer will_properties;
  if (options.will) {
    const auto& will = *options.will;
    if (will.delay_s != 0) put_number(will_properties, Property::will_delay, will.delay_s);
    if (will.message_expiry_s) put_number(will_properties, Property::message_expiry, *will.message_expiry_s);
    packet.will = Will{will.topic, will.payload, will.qos, will.retain, will_properties};
  }
  Buffer bytes;
  encode(bytes, packet);
  send(bytes);
}

void Client::Inside::closed(const Error& why) {
  const auto self = shared_from_this();
  connection.reset();
  ping.reset();
  accepted = false;
  subscribing.clear();
  if (!stopped && options.reconnect_after.count() > 0) {
    retry = loop.after(options.reconnect_after, [this] { open(); });
  }
  auto error = why;
  if (told)
    error.what = "the server ended the connection with reason code " + std::to_string(static_cast<unsigned>(*told));
  if (handlers.on_closed) handlers.on_closed(error);
}

void Client::Inside::on_bytes(Bytes bytes) {
  const auto self = shared_from_this();
  append_bytes(partial, bytes);
  std::size_t at = 0;
  while (connection) {
    std::size_t needed = 0;
    const auto frame = next_frame(Bytes(partial).subspan(at), limits::remaining_length_max, needed);
    if (!frame) return closed({Code::invalid, frame.error().what, "from the server"});
    if (!*frame) break;
    at += (*frame)->bytes;
    take(**frame);
  }
  if (connection)
    partial.erase(partial.begin(), partial.begin() + static_cast<std::ptrdiff_t>(at));
  else
    partial.clear();
}

void Client::Inside::take(const Frame& frame) {
  switch (frame.type) {
    case Type::connack: return on_connack(frame);
    case Type::publish: return on_publish(frame);
    case Type::puback:
    case Type::pubrec:
    case Type::pubrel:
    case Type::pubcomp: return on_ack(frame);
    case Type::suback: {
      const auto codes = decode_codes(frame, options.version);
      if (!codes || codes->codes.empty())
        return closed({Code::invalid, "a SUBACK that cannot be read", "from the server"});
      const auto found = subscribing.find(codes->packet_id);
      if (found == subscribing.end()) return;
      const auto done = std::move(found->second);
      subscribing.erase(found);
      if (done) done(codes->codes.front());
      return;
    }
    case Type::disconnect: {
      const auto packet = decode_disconnect(frame, options.version);
      if (packet) told = packet->reason;
      return;
    }
    default: return;
  }
}

void Client::Inside::on_connack(const Frame& frame) {
  const auto packet = decode_connack(frame, options.version);
  if (!packet) return closed({Code::invalid, packet.error().what, "from the server"});
  if (packet->code != 0) {
    return closed({Code::denied, "the server refused the connection with code " + std::to_string(packet->code), {}});
  }
  accepted = true;
  once_connected = true;
  if (options.version == Version::v5) {
    const auto properties = Properties::read(packet->properties, In::connack);
    server_window = properties->number(Property::receive_maximum, 0xffff);
    if (properties->has(Property::server_keep_alive)) {
      options.keep_alive_s = static_cast<std::uint16_t>(properties->number(Property::server_keep_alive));
    }
    if (properties->has(Property::assigned_client_id))
      options.client_id = properties->text(Property::assigned_client_id);
  }
  if (!packet->session_present) {
    taken.clear();
    for (auto& message : out) message.sent = message.received = false;
  }
  keep_alive();
  for (auto& message : out) {
    if (message.received)
      send_ack(Type::pubrel, message.packet_id);
    else
      send_publish(message, message.sent);
  }
  if (handlers.on_connected) handlers.on_connected(packet->session_present);
}

void Client::Inside::on_publish(const Frame& frame) {
  const auto packet = decode_publish(frame, options.version);
  if (!packet) return closed({Code::invalid, packet.error().what, "from the server"});
  const bool fresh = packet->qos != 2 || taken.insert(packet->packet_id);
  if (fresh && handlers.on_message) {
    handlers.on_message({packet->topic, packet->payload, packet->qos, packet->retain, packet->dup, packet->properties});
  }
  if (packet->qos == 1) send_ack(Type::puback, packet->packet_id);
  if (packet->qos == 2) send_ack(Type::pubrec, packet->packet_id);
}

void Client::Inside::on_ack(const Frame& frame) {
  const auto ack = decode_ack(frame, options.version);
  if (!ack) return closed({Code::invalid, ack.error().what, "from the server"});
  if (frame.type == Type::pubrel) {
    taken.erase(ack->packet_id);
    return send_ack(Type::pubcomp, ack->packet_id);
  }
  const auto found = std::ranges::find(out, ack->packet_id, &Outgoing::packet_id);
  if (frame.type == Type::pubrec && !is_error(ack->reason)) {
    if (found != out.end()) found->received = true;
    return send_ack(Type::pubrel, ack->packet_id);
  }
  if (found == out.end()) return;
  out.erase(found);
  if (handlers.on_acknowledged) handlers.on_acknowledged(ack->packet_id, ack->reason);
}

void Client::Inside::send_publish(Outgoing& message, bool dup) {
  Publish packet;
  packet.topic = message.topic;
  packet.payload = message.payload;
  packet.properties = message.properties;
  packet.packet_id = message.packet_id;
  packet.qos = message.qos;
  packet.retain = message.retain;
  packet.dup = dup;
  message.sent = true;
  Buffer bytes;
  encode(bytes, options.version, packet);
  send(bytes);
}

void Client::Inside::send_ack(Type type, std::uint16_t packet_id) {
  Buffer bytes;
  encode_ack(bytes, options.version, type, packet_id);
  send(bytes);
}

void Client::Inside::keep_alive() {
  if (options.keep_alive_s == 0) return;
  ping = loop.after(std::chrono::milliseconds{750} * options.keep_alive_s, [this] {
    if (!accepted) return;
    Buffer bytes;
    encode_empty(bytes, Type::pingreq);
    send(bytes);
    keep_alive();
  });
}

}  // namespace skerry::mqtt
