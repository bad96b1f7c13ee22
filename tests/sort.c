/* SPDX-License-Identifier: BSD-2-Clause */
/* Sorting, finding what is sorted, and asking sorted ranges whether they touch another. */
#include "drivers/heap_sort.h"
#include "drivers/sorted.h"
#include "drivers/span.h"
#include "tests/test.h"

#include <string.h>

static int by_value(const void *left, const void *right)
{
	const uint32_t *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

/* Whatever the number and the order, the result is sorted and has the same elements. */
TEST(sort, any_order_becomes_sorted)
{
	uint32_t values[40];

	for (size_t nr = 0; nr <= ARRAY_SIZE(values); nr++) {
		uint32_t sum = 0;

		for (size_t i = 0; i < nr; i++) {
			values[i] = (uint32_t)test_random_below(20);
			sum += 1u << values[i];
		}
		heap_sort(values, nr, sizeof(*values), by_value);
		for (size_t i = 0; i < nr; i++) {
			expect(i == 0 || values[i - 1] <= values[i]);
			sum -= 1u << values[i];
		}
		expect_eq(sum, 0);
	}
}

static uint64_t value_of(const void *element)
{
	return *(const uint32_t *)element;
}

/* A number is found where its first element is, and nothing is where there is none. */
TEST(sort, numbers_are_found_as_by_looking_at_all)
{
	uint32_t values[12];

	for (unsigned round = 0; round < 200; round++) {
		size_t nr = test_random_below(ARRAY_SIZE(values) + 1);
		struct sorted sorted = {values, nr, sizeof(*values), value_of};

		for (size_t i = 0; i < nr; i++)
			values[i] = (uint32_t)test_random_below(16);
		heap_sort(values, nr, sizeof(*values), by_value);
		for (uint32_t wanted = 0; wanted < 17; wanted++) {
			size_t first = 0;

			while (first < nr && values[first] < wanted)
				first++;
			expect_eq(sorted_first(sorted, wanted), first);
			expect(sorted_find(sorted, wanted) ==
			       (first < nr && values[first] == wanted ? &values[first] : NULL));
		}
	}
}

/* The answers are those of comparing with every span. */
TEST(sort, spans_are_found_as_by_comparing_all)
{
	struct span spans[8], sorted[8];
	struct span_set set = {sorted, 0};

	for (unsigned round = 0; round < 200; round++) {
		size_t nr = test_random_below(9);

		set.nr = 0;
		for (size_t i = 0; i < nr; i++) {
			phys_t start = phys(test_random_below(30));

			span_set_add(&set, start, 1 + test_random_below(10));
			spans[i] = sorted[i];
		}
		span_set_prepare(&set);
		for (uint64_t start = 0; start < 42; start++) {
			struct span range = {start, start + 1 + test_random_below(4)};
			bool touches = false;

			for (size_t i = 0; i < nr; i++)
				touches = touches || (spans[i].start < range.end &&
						      range.start < spans[i].end);
			expect_eq(span_set_touches(&set, range), touches);
		}
	}
}

/* An empty span is none, and one that wraps ends at the last address. */
TEST(sort, spans_may_be_empty_or_wrap)
{
	struct span span;

	expect(!span_of(phys(5), 0, &span));
	require(span_of(phys(UINT64_MAX - 5), 10, &span));
	expect(span.end == UINT64_MAX);
}
