/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Little writers of records, two right and the others each wrong in a way of its own: they prove
 * that tools/power-cut finds such faults, and nothing where there is none. They run only where
 * tests= spells out the name of this suite.
 *
 * A record is there when it has its number; then its text must be whole. That holds whatever the
 * writer; and a record whose writing is done must be there.
 */
#include <string.h>

#include "mm/host.h"
#include "mm/page.h"
#include "mm/persist.h"
#include "tests/harness/power.h"
#include "tests/test.h"

enum { RECORDS = 12, TEXT_WORDS = 27 };

/*
 * The text is three lines long and a part of one, its number has a line to itself.
 */
struct text_record {
	uint64_t number;
	uint64_t unused[7];
	uint64_t text[TEXT_WORDS];
	uint64_t padding[37];
};
_Static_assert(sizeof(struct text_record) % CACHE_LINE == 0, "records share no line");

/* And one that is a single line, its number behind the text. */
enum { SHORT_WORDS = 7 };
struct short_record {
	uint64_t text[SHORT_WORDS];
	uint64_t number;
};
_Static_assert(sizeof(struct short_record) == CACHE_LINE, "one line");

/* Both kinds, in the first area of the region. */
struct medium {
	struct text_record records[RECORDS + 1];
	struct short_record shorts[RECORDS + 1];
};

static struct medium *medium_of(const struct region *region)
{
	return host_virt(pfn_to_phys(region->start));
}

static uint64_t word_of(uint64_t plan, uint64_t number, size_t index)
{
	return power_random(plan, number * 64 + index);
}

/* As any program would store it. */
static void store_text(uint64_t *text, size_t words, uint64_t plan, uint64_t number)
{
	for (size_t i = 0; i < words; i++)
		((volatile uint64_t *)text)[i] = word_of(plan, number, i);
}

static void store_number(uint64_t *place, uint64_t number)
{
	*(volatile uint64_t *)place = number;
}

/* --- The writers. --- */

struct place {
	struct text_record *record;
	struct short_record *short_record;
	uint64_t plan;
	uint64_t number;
};

static void store_record(const struct place *at)
{
	store_text(at->record->text, TEXT_WORDS, at->plan, at->number);
}

static void publish(const struct place *at)
{
	store_number(&at->record->number, at->number);
	persist_flush(&at->record->number, sizeof(at->record->number));
	persist_drain(at->record);
}

static void write_right(const struct place *at)
{
	store_record(at);
	persist_flush(at->record->text, sizeof(at->record->text));
	persist_drain(at->record);
	publish(at);
}

/* Within a line stores reach the medium in their order, so this needs one flush. */
static void write_one_line(const struct place *at)
{
	store_text(at->short_record->text, SHORT_WORDS, at->plan, at->number);
	store_number(&at->short_record->number, at->number);
	persist_flush(at->short_record, sizeof(*at->short_record));
	persist_drain(at->short_record);
}

static void write_by_primitives(const struct place *at)
{
	uint64_t text[TEXT_WORDS];

	store_text(text, TEXT_WORDS, at->plan, at->number);
	persist_copy(at->record->text, text, sizeof(text));
	persist_publish(&at->record->number, at->number);
}

static void write_without_flush(const struct place *at)
{
	store_record(at);
	persist_drain(at->record);
	publish(at);
}

static void write_without_fence(const struct place *at)
{
	store_record(at);
	persist_flush(at->record->text, sizeof(at->record->text));
	publish(at);
}

static void write_flushed_too_early(const struct place *at)
{
	persist_flush(at->record->text, sizeof(at->record->text));
	store_record(at);
	persist_drain(at->record);
	publish(at);
}

static void write_with_wrong_line_flushed(const struct place *at)
{
	store_record(at);
	persist_flush((char *)at->record->text + CACHE_LINE, sizeof(at->record->text));
	persist_drain(at->record);
	publish(at);
}

static void write_with_unflushed_tail(const struct place *at)
{
	store_record(at);
	persist_flush(at->record->text, align_down(sizeof(at->record->text), CACHE_LINE));
	persist_drain(at->record);
	publish(at);
}

static void write_without_last_fence(const struct place *at)
{
	store_record(at);
	persist_flush(at->record->text, sizeof(at->record->text));
	persist_drain(at->record);
	store_number(&at->record->number, at->number);
	persist_flush(&at->record->number, sizeof(at->record->number));
}

static void write_copy_without_drain(const struct place *at)
{
	uint64_t text[TEXT_WORDS];

	store_text(text, TEXT_WORDS, at->plan, at->number);
	persist_copy(at->record->text, text, sizeof(text));
	publish(at);
}

static void write_number_first(const struct place *at)
{
	store_number(&at->short_record->number, at->number);
	store_text(at->short_record->text, SHORT_WORDS, at->plan, at->number);
	persist_flush(at->short_record, sizeof(*at->short_record));
	persist_drain(at->short_record);
}

/* --- The run that writes. --- */

static void write_records(void (*writer)(const struct place *))
{
	const struct region *region = power_region();
	struct medium *medium = medium_of(region);
	struct page *page = page_pin(region->start);
	uint64_t plan = test_random();

	require(page != NULL);
	power_mark(POWER_PLAN, plan);
	power_mark(POWER_START, 0);
	for (uint64_t number = 1; number <= RECORDS; number++) {
		struct place place = {&medium->records[number], &medium->shorts[number], plan,
				      number};

		power_mark(POWER_BEGUN, number);
		writer(&place);
		power_mark(POWER_DONE, number);
	}
	power_mark(POWER_STOP, 0);
	page_unpin(page);
}

TEST(power_faults, none)
{
	write_records(write_right);
}

TEST(power_faults, none_in_one_line)
{
	write_records(write_one_line);
}

TEST(power_faults, none_by_primitives)
{
	write_records(write_by_primitives);
}

TEST(power_faults, missing_flush)
{
	write_records(write_without_flush);
}

TEST(power_faults, missing_fence)
{
	write_records(write_without_fence);
}

TEST(power_faults, flush_before_store)
{
	write_records(write_flushed_too_early);
}

TEST(power_faults, wrong_line)
{
	write_records(write_with_wrong_line_flushed);
}

TEST(power_faults, unflushed_tail)
{
	write_records(write_with_unflushed_tail);
}

TEST(power_faults, missing_last_fence)
{
	write_records(write_without_last_fence);
}

TEST(power_faults, copy_without_drain)
{
	write_records(write_copy_without_drain);
}

TEST(power_faults, wrong_order_in_line)
{
	write_records(write_number_first);
}

/* --- The run that judges. --- */

static void judge_record(const struct power_ticket *ticket, const char *kind, uint64_t number,
			 uint64_t found, const uint64_t *text, size_t words)
{
	if (found == 0)
		return;
	if (found != number)
		power_broken("%s record %llu has the number %llu", kind, (unsigned long long)number,
			     (unsigned long long)found);
	else if (number > ticket->begun[0])
		power_broken("%s record %llu is there before it was written", kind,
			     (unsigned long long)number);
	for (size_t i = 0; found == number && i < words; i++)
		if (text[i] != word_of(ticket->plan, number, i))
			power_broken("%s record %llu is there, but its word %zu is %#llx, expected "
				     "%#llx",
				     kind, (unsigned long long)number, i,
				     (unsigned long long)text[i],
				     (unsigned long long)word_of(ticket->plan, number, i));
}

static void judge_records(const struct region *region, const struct power_ticket *ticket)
{
	const struct medium *medium = medium_of(region);

	for (uint64_t number = 1; number <= RECORDS; number++) {
		const struct text_record *record = &medium->records[number];
		const struct short_record *short_record = &medium->shorts[number];

		judge_record(ticket, "long", number, record->number, record->text, TEXT_WORDS);
		judge_record(ticket, "short", number, short_record->number, short_record->text,
			     SHORT_WORDS);
		if (number <= ticket->done[0] && !record->number && !short_record->number)
			power_broken("record %llu is not there, though it was promised",
				     (unsigned long long)number);
	}
}

/* What a power failure left of the records, in each region. */
TEST(power_faults, judge)
{
	power_judge(judge_records);
}
