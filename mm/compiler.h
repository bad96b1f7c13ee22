/* SPDX-License-Identifier: BSD-2-Clause */
/* What we ask of the compiler, by the names that the code uses. */
#pragma once

#define must_check                 __attribute__((warn_unused_result))
#define printf_like(string, first) __attribute__((format(printf, string, first)))
#define likely(condition)          __builtin_expect(!!(condition), 1)
#define unlikely(condition)        __builtin_expect(!!(condition), 0)
#define ARRAY_SIZE(array)          (sizeof(array) / sizeof((array)[0]))

/* The smallest and the largest power of two multiple around a value; `to` is a power of two. */
#define align_down(value, to) ((value) & ~((typeof(value))(to)-1))
#define align_up(value, to)   align_down((value) + ((typeof(value))(to)-1), to)
