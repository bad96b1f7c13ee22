/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/harness/io_matrix.h"

#include "mm/host.h"
#include "tests/test.h"

static const struct io_matrix *matrix;
static struct io_case current;

static void share_disk(const struct block_device *device)
{
	uint64_t share = device->sectors / matrix->nr_lanes;

	if (share > matrix->lane_bytes / SECTOR_SIZE)
		share = matrix->lane_bytes / SECTOR_SIZE;
	share -= share % (device->block_size / SECTOR_SIZE);
	for (unsigned i = 0; i < matrix->nr_lanes; i++) {
		struct io_lane *lane = &matrix->lanes[i];

		lane->sector = i * share;
		lane->sectors = share;
		lane->generation = (uint32_t)test_random();
		lane->random = test_random() | 1;
		lane->cases = lane->left_out = lane->bios = lane->bytes = 0;
	}
}

static void run_lane(void *unused)
{
	(void)unused;
	if (host_cpu() < matrix->nr_lanes)
		io_case_run(&current, &matrix->lanes[host_cpu()]);
}

/* One size, in all shapes, depths and numbers of CPUs. */
static void run_size(size_t size)
{
	current.size = size;
	for (unsigned shape = 0; shape < IO_SHAPES; shape++) {
		current.shape = (enum io_shape)shape;
		for (size_t i = 0; i < matrix->nr_depths; i++) {
			current.depth = matrix->depths[i];
			io_case_run(&current, &matrix->lanes[0]);
			host_on_each_cpu(run_lane, NULL);
		}
	}
}

struct io_done io_matrix_run(const struct io_matrix *run, struct block_device *device,
			     uint32_t number, enum block_operation operation, size_t longest)
{
	struct io_done done = {0};

	matrix = run;
	current = (struct io_case){.device = device, .number = number, .operation = operation};
	share_disk(device);
	for (size_t i = 0; i < run->nr_sizes && run->sizes[i] <= longest; i++) {
		run_size(run->sizes[i]);
		progress(i + 1, run->nr_sizes, "sizes");
	}
	for (unsigned i = 0; i < run->nr_lanes; i++) {
		done.cases += run->lanes[i].cases;
		done.left_out += run->lanes[i].left_out;
		done.bios += run->lanes[i].bios;
		done.bytes += run->lanes[i].bytes;
	}
	return done;
}
