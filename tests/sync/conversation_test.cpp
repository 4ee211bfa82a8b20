// Conversations between a gateway and a cloud; what others lose, repeat or block is named by its thread.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/sync/rig.hpp"

namespace skerry::sync::rig {
namespace {

std::vector<std::uint64_t> count_from(std::uint64_t from, std::uint64_t to) {
  std::vector<std::uint64_t> all(to - from);
  std::iota(all.begin(), all.end(), from);
  return all;
}

struct Edge {
  MemorySource source;
  std::unique_ptr<Sender> sender = std::make_unique<Sender>(source, options());
  void restart(const std::optional<Memory>& memory = {}) {
    sender = std::make_unique<Sender>(source, options(), memory);
  }
};

TEST(Conversation, everything_arrives_once_and_in_order) {
  Edge edge;
  MemoryStore cloud;
  for (const auto cls : {Class::critical, Class::high, Class::medium, Class::low}) edge.source.append(cls, 50);
  Wire wire(*edge.sender, cloud);
  wire.run();
  for (const auto cls : {Class::critical, Class::high, Class::medium, Class::low}) {
    EXPECT_EQ(cloud.of(epoch, cls).offsets, count_from(0, 50));
    EXPECT_EQ(edge.sender->acked(cls).prefix_end(), 50U);
  }
  EXPECT_TRUE(edge.sender->link_up());
  EXPECT_EQ(edge.sender->backlog(), 0U);
}

// What a small frame leaves behind of records that lingered waits since it came: no queue of 500 stands for ever.
TEST(Conversation, records_linger_once) {
  MemorySource source;
  auto asked = options();
  asked.linger[static_cast<std::size_t>(Class::medium)] = std::chrono::milliseconds{200};
  Sender sender(source, asked);
  MemoryStore cloud;
  Wire wire(sender, cloud);
  wire.run(5);
  wire.room.frame_bytes = 60;
  std::uint64_t most = 0;
  for (int i = 0; i < 400; ++i) {
    source.append(Class::medium, 4);
    wire.round();
    if (i > 100) most = std::max(most, sender.queue_status(wire.now)[static_cast<std::size_t>(Class::medium)].waiting);
  }
  EXPECT_GT(most, 4U) << "they do linger";
  EXPECT_LT(most, 200U);
}

// Azure/iotedge#706: buffered messages gone after a reboot while offline. #392: restarted offline, never sent.
TEST(Conversation, iotedge_706_392_what_was_stored_offline_is_sent_after_a_reboot) {
  Edge edge;
  MemoryStore cloud;
  edge.source.append(Class::medium, 40);
  edge.restart();
  edge.source.append(Class::medium, 2);
  edge.restart();
  Wire wire(*edge.sender, cloud);
  wire.run();
  EXPECT_EQ(cloud.of(epoch, Class::medium).offsets, count_from(0, 42));
}

// Azure/iotedge#2486: a million old messages go before live ones.
TEST(Conversation, iotedge_2486_live_goes_before_a_large_backlog) {
  Edge edge;
  MemoryStore cloud;
  edge.source.append(Class::medium, 1'000'000);
  Wire wire(*edge.sender, cloud);
  wire.run(20);
  edge.source.append(Class::medium, 1, "{\"live\":true}");
  wire.run(3);
  EXPECT_TRUE(cloud.of(epoch, Class::medium).stream.applied.contains(1'000'000));
  EXPECT_LT(cloud.of(epoch, Class::medium).offsets.size(), 900'000U);
  EXPECT_GT(cloud.of(epoch, Class::medium).offsets.size(), 1'000U);  // the backlog has its share
}

// Azure/iotedge#1613: acknowledged locally, missing in the cloud after time-outs.
TEST(Conversation, iotedge_1613_a_lost_acknowledgement_loses_and_repeats_nothing) {
  Edge edge;
  MemoryStore cloud;
  edge.source.append(Class::critical, 30);
  {
    Wire wire(*edge.sender, cloud);
    wire.deaf = true;
    wire.run(10);
  }
  EXPECT_EQ(edge.sender->acked(Class::critical).prefix_end(), 0U);
  edge.source.append(Class::critical, 30);
  Wire wire(*edge.sender, cloud);
  wire.run();
  EXPECT_EQ(cloud.of(epoch, Class::critical).offsets, count_from(0, 60));
}

// aws-greengrass-stream-manager-sdk-python#21: what was full does not take data again.
TEST(Conversation, stream_manager_21_a_full_cloud_takes_data_again) {
  Edge edge;
  MemoryStore cloud;
  cloud.full = true;
  edge.source.append(Class::high, 10);
  {
    Wire wire(*edge.sender, cloud);
    wire.run();
    EXPECT_FALSE(wire.open);
  }
  ASSERT_TRUE(edge.sender->refused());
  EXPECT_EQ(edge.sender->refused()->reason, Refusal::busy);
  EXPECT_FALSE(is_final(edge.sender->refused()->reason));
  cloud = {};
  Wire wire(*edge.sender, cloud);
  wire.run();
  EXPECT_EQ(cloud.of(epoch, Class::high).offsets, count_from(0, 10));
  EXPECT_FALSE(edge.sender->refused());
}

// fluent/fluent-bit#5166: cannot start with a large backlog.
TEST(Conversation, fluent_bit_5166_a_start_reads_nothing_of_the_backlog) {
  Edge edge;
  MemoryStore cloud;
  edge.source.append(Class::medium, 500'000);
  edge.restart();
  Wire wire(*edge.sender, cloud);
  EXPECT_EQ(edge.source.reads, 0U);
}

// thingsboard/thingsboard-gateway#2098: every reading twice. influxdata/telegraf#16500: all is sent again at each
// start.
TEST(Conversation, thingsboard_2098_telegraf_16500_a_restart_sends_only_what_is_not_applied) {
  Edge edge;
  MemoryStore cloud;
  edge.source.append(Class::medium, 90);
  { Wire(*edge.sender, cloud).run(); }
  edge.restart();  // and remembers nothing
  edge.source.append(Class::medium, 5);
  { Wire(*edge.sender, cloud).run(); }
  EXPECT_EQ(edge.sender->counts().records, 5U);
  EXPECT_EQ(cloud.of(epoch, Class::medium).offsets, count_from(0, 95));
}

// influxdata/telegraf#5633: newest first breaks rates: within a lane order holds.
TEST(Conversation, telegraf_5633_each_lane_rises) {
  Edge edge;
  MemoryStore cloud;
  edge.source.append(Class::medium, 20'000);
  Wire wire(*edge.sender, cloud);
  for (int i = 0; i < 60; ++i) {
    wire.round();
    edge.source.append(Class::medium, 3);
  }
  wire.run();
  for (const auto& lane : cloud.of(epoch, Class::medium).of_lane) {
    EXPECT_GT(lane.size(), 100U);
    EXPECT_EQ(lane, count_from(lane.front(), lane.back() + 1));
  }
  EXPECT_EQ(cloud.of(epoch, Class::medium).stream.applied.all().size(), 1U);  // met and merged
}

// nanomq/nanomq#2432: deleted from the cache before it was sent. What may be deleted is what was acknowledged.
TEST(Conversation, nanomq_2432_nothing_may_be_deleted_before_it_is_acknowledged) {
  Edge edge;
  MemoryStore cloud;
  edge.source.append(Class::medium, 10);
  Wire wire(*edge.sender, cloud);
  for (int i = 0; i < 5; ++i) {
    wire.round();
    EXPECT_LE(edge.sender->acked(Class::medium).prefix_end(), cloud.of(epoch, Class::medium).offsets.size());
  }
}

TEST(Conversation, what_is_gone_is_declared_with_its_reason) {
  Edge edge;
  MemoryStore cloud;
  edge.source.append(Class::low, 30);
  edge.source.begin[3] = 12;
  edge.source.reason = Reason::budget;
  Wire wire(*edge.sender, cloud);
  wire.run();
  auto& kept = cloud.of(epoch, Class::low);
  ASSERT_EQ(kept.gaps.size(), 1U);
  EXPECT_EQ(kept.gaps[0], std::make_tuple(0U, 12U, Reason::budget));
  EXPECT_EQ(kept.offsets, count_from(12, 30));
  EXPECT_EQ(kept.stream.counts.gaps[0] + kept.stream.counts.records, 30U);
}

TEST(Conversation, a_gateway_restored_from_an_old_image_is_refused_and_shown) {
  Edge edge;
  MemoryStore cloud;
  edge.source.append(Class::medium, 50);
  { Wire(*edge.sender, cloud).run(); }
  edge.source.texts[2].resize(20);
  edge.restart();
  { Wire(*edge.sender, cloud).run(); }
  ASSERT_TRUE(edge.sender->refused());
  EXPECT_EQ(edge.sender->refused()->reason, Refusal::restored);
  edge.source.append(Class::medium, 60, "{\"other\":1}");  // it has more than was applied, but not the same
  { Wire(*edge.sender, cloud).run(); }
  EXPECT_EQ(edge.sender->refused()->reason, Refusal::diverged);
  EXPECT_EQ(cloud.refusals, (std::vector{Refusal::restored, Refusal::diverged}));
  EXPECT_EQ(cloud.of(epoch, Class::medium).offsets, count_from(0, 50));
}

TEST(Conversation, a_gateway_set_up_anew_fences_its_former_self) {
  MemoryStore cloud;
  Edge old;
  old.source.append(Class::high, 5);
  { Wire(*old.sender, cloud).run(); }
  MemorySource fresh;
  fresh.append(Class::high, 3);
  Sender anew(fresh, options(8));
  { Wire(anew, cloud).run(); }
  EXPECT_EQ(cloud.of(8, Class::high).offsets, count_from(0, 3));
  old.source.append(Class::high, 5);
  { Wire(*old.sender, cloud).run(); }
  EXPECT_EQ(old.sender->refused()->reason, Refusal::fenced);
  EXPECT_EQ(cloud.of(epoch, Class::high).offsets.size(), 5U);
}

TEST(Conversation, an_older_connection_of_the_same_gateway_applies_nothing) {
  Edge edge;
  MemoryStore cloud;
  edge.source.append(Class::medium, 5);
  Wire first(*edge.sender, cloud);
  first.run(10);
  edge.source.append(Class::medium, 5);
  Out out;
  Wire::now += std::chrono::seconds{1};
  edge.sender->pump({}, Wire::now, out);
  Wire second(*edge.sender, cloud);
  second.run();
  first.give(out);
  first.open = false;
  first.round();
  EXPECT_TRUE(first.receiver().ended());
  EXPECT_EQ(cloud.of(epoch, Class::medium).offsets, count_from(0, 10));
  EXPECT_EQ(cloud.refusals.back(), Refusal::superseded);
}

TEST(Conversation, a_small_backlog_goes_in_line) {
  Edge edge;
  MemoryStore cloud;
  edge.source.append(Class::medium, 100);
  Wire wire(*edge.sender, cloud);
  wire.run();
  EXPECT_EQ(edge.sender->counts().batches, 1U);
}

TEST(Conversation, without_canaries_the_link_is_down) {
  Edge edge;
  MemoryStore cloud;
  Wire wire(*edge.sender, cloud);
  wire.run(5);
  EXPECT_TRUE(edge.sender->link_up());
  Wire::now += std::chrono::seconds{6};
  Out out;
  edge.sender->pump({}, Wire::now, out);
  EXPECT_FALSE(out.close);
  Wire::now += network_timeout + std::chrono::seconds{1};
  edge.sender->pump({}, Wire::now, out);
  EXPECT_TRUE(out.close);
  EXPECT_FALSE(edge.sender->link_up());
}

TEST(Conversation, credit_is_never_passed) {
  Edge edge;
  edge.source.append(Class::medium, 400'000, std::string(40, 'x'));
  Out out;
  edge.sender->on_open(Wire::now, out);
  PerClass<Intervals> none;
  const auto say = [&](const Frame& frame) { edge.sender->on_frame(encode(frame), Wire::now, out); };
  say(Welcome{.version = 1, .window = 20 * KiB, .applied = none});
  say(Ready{});
  out = {};
  std::uint64_t bytes = 0;
  for (int i = 0; i < 100; ++i) {
    edge.sender->pump({}, Wire::now, out);
    for (const auto& frame : std::exchange(out.frames, {})) bytes += uses_credit(*decode(frame)) ? frame.size() : 0;
  }
  EXPECT_GT(bytes, 0U);
  EXPECT_LE(bytes, 20 * KiB);
}

TEST(Conversation, a_record_longer_than_the_window_travels_alone) {
  Edge edge;
  MemoryStore cloud;
  std::string noise;
  for (std::uint32_t i = 0, x = 1; i < 3'000'000; ++i)
    noise.push_back(static_cast<char>((x = x * 1664525U + 1013904223U) >> 24));
  edge.source.append(Class::medium, 1);
  edge.source.append(Class::medium, 1, noise);
  edge.source.append(Class::medium, 1);
  Wire wire(*edge.sender, cloud);
  wire.run();
  EXPECT_EQ(cloud.of(epoch, Class::medium).offsets, count_from(0, 3));
}

TEST(Conversation, versions_without_one_in_common_are_refused) {
  MemoryStore cloud;
  Receiver receiver({}, Wire::now);
  ReceiverOut out;
  receiver.on_frame(encode(Hello{.version_least = 8, .version_most = 9, .gateway = "gw", .epoch = 1}), Wire::now, out);
  ASSERT_EQ(out.jobs.size(), 1U);
  const auto outcome = Ledger(cloud).run(out.jobs[0]);
  ASSERT_TRUE(outcome->refused);
  EXPECT_EQ(outcome->refused->reason, Refusal::version);
}

TEST(Conversation, malformed_frames_are_answered_and_counted) {
  MemoryStore cloud;
  const std::vector<Buffer> wrong{{}, {std::byte{0xff}}, {std::byte{0x01}}, encode(Ready{}), encode(Credit{5})};
  for (const auto& frame : wrong) {
    Receiver receiver({}, Wire::now);
    ReceiverOut out;
    receiver.on_frame(frame, Wire::now, out);
    EXPECT_EQ(receiver.malformed(), 1U);
    EXPECT_TRUE(out.close);
    ASSERT_EQ(out.frames.size(), 1U);
    const auto answer = decode(out.frames[0]);
    EXPECT_EQ(std::get<Refuse>(*answer).reason, Refusal::malformed);
    EXPECT_FALSE(std::get<Refuse>(*answer).why.empty());
  }
  Edge edge;
  Out out;
  edge.sender->on_open(Wire::now, out);
  edge.sender->on_frame(encode(Ready{}), Wire::now, out);
  EXPECT_TRUE(out.close);
  EXPECT_EQ(edge.sender->counts().malformed, 1U);
}

TEST(Conversation, a_lane_that_jumps_is_refused) {
  MemoryStore cloud;
  Ledger ledger(cloud);
  const auto proven = ledger.run(ProveJob{.hello = {.gateway = "gw", .epoch = 1}});
  ASSERT_FALSE(proven->refused);
  const auto refused = ledger.run(GapJob{"gw", 1, proven->session, {Lane::backlog, Class::low, 5, 5, Reason::age, 9}});
  EXPECT_EQ(refused->refused->reason, Refusal::order);
}

// A record that is none is set aside with its reason; those around it are applied.
TEST(Conversation, a_bad_record_does_not_block_its_lane) {
  BatchWriter writer;
  record::RecordView view;
  view.cls = Class::high;
  view.payload = as_bytes("{}");
  for (std::uint64_t offset = 0; offset < 3; ++offset) {
    view.topic = offset == 1 ? "bad/#/topic" : "sensors/d/data";
    view.offset = {offset};
    writer.add(view);
  }
  auto batch = unpack(Class::high, 0, 3, *writer.pack());
  ASSERT_TRUE(batch);
  batch->fingerprint = 5;
  MemoryStore cloud;
  Ledger ledger(cloud);
  const auto proven = ledger.run(ProveJob{.hello = {.gateway = "gw", .epoch = 1}});
  const auto applied = ledger.run(BatchJob{"gw", 1, proven->session, std::move(*batch)});
  EXPECT_FALSE(applied->refused);
  EXPECT_EQ(cloud.of(1, Class::high).offsets, (std::vector<std::uint64_t>{0, 2}));
  EXPECT_EQ(cloud.of(1, Class::high).aside, (std::vector<std::uint64_t>{1}));
  EXPECT_EQ(cloud.of(1, Class::high).stream.counts.aside, 1U);
}

}  // namespace
}  // namespace skerry::sync::rig
