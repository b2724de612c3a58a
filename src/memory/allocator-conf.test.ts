import { describe, expect, test } from "vitest";
import { GiB, MiB } from "../base/units.js";
import { readAllocatorConf } from "./allocator-conf.js";
import { roundToDivision } from "./allocators/round-request.js";
import { DEFAULT_ALLOCATOR } from "./default-allocator.js";

const settingsOf = (text: string) => readAllocatorConf(text, "--allocator-conf").settings;

describe("what PYTORCH_CUDA_ALLOC_CONF says", () => {
  test("nothing: the defaults", () => {
    expect(readAllocatorConf("", "test")).toEqual({ settings: DEFAULT_ALLOCATOR, notes: [] });
  });
  test("several keys, white space, the variable's name and a comma at the end", () => {
    expect(settingsOf("PYTORCH_ALLOC_CONF=max_split_size_mb: 128, expandable_segments:False,")).toEqual({
      ...DEFAULT_ALLOCATOR,
      maxSplitSize: 128 * MiB,
    });
    expect(settingsOf("PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True").expandableSegments).toBe(true);
  });
  test("of two equal keys the last wins", () => {
    expect(settingsOf("max_split_size_mb:64,max_split_size_mb:32").maxSplitSize).toBe(32 * MiB);
  });
  test("larger shared segments also widen what an oversize block may have to spare, wherever they are written", () => {
    const { largeSegment, maxNonSplitRounding } = settingsOf("max_split_size_mb:64,large_segment_size_mb:48");
    expect([largeSegment, maxNonSplitRounding]).toEqual([48 * MiB, 48 * MiB]);
  });
  test("divisions by interval: the first entry counts downwards, > upwards, gaps round to 512 B", () => {
    const { roundupPower2Divisions } = settingsOf("roundup_power2_divisions:[2:8,8:4,>:1]");
    expect(roundupPower2Divisions).toEqual([8, 8, 0, 4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
  });
  test("a fraction of one is no limit", () => {
    expect(settingsOf("per_process_memory_fraction:1.0").memoryFraction).toBeNull();
    expect(settingsOf("per_process_memory_fraction:0.5").memoryFraction).toBe(0.5);
  });
  test.for([
    ["pinned_use_background_threads:True", "about pinned host memory: nothing on the device changes"],
    ["pinned_num_register_threads:8", "about pinned host memory: nothing on the device changes"],
    ["release_lock_on_cudamalloc:True", "about speed: no allocation changes"],
    [
      "garbage_collection_threshold:0.8",
      "PyTorch collects only where a memory fraction below 1 is set: add per_process_memory_fraction",
    ],
  ] as const)("%s is taken and noted", ([entry, because]) => {
    expect(readAllocatorConf(entry, "test").notes).toEqual([{ entry, because }]);
  });
});

describe("rounding up to divisions between powers of two", () => {
  const four = new Array<number>(16).fill(4);
  test("1200 KiB with four divisions becomes 1280 KiB", () => {
    expect(roundToDivision(1200 * 1024, four)).toBe(1280 * 1024);
  });
  test("powers of two stay, and requests too small for so many steps are multiples of 512 B", () => {
    expect(roundToDivision(2 * MiB, four)).toBe(2 * MiB);
    expect(roundToDivision(2048, four)).toBe(2048);
    expect(roundToDivision(1537, four)).toBe(2048);
    expect(roundToDivision(1, four)).toBe(512);
  });
  test("one division is none", () => {
    expect(roundToDivision(GiB + 1, new Array<number>(16).fill(1))).toBe(GiB + 512);
  });
});

describe("complaints", () => {
  const complaints: readonly (readonly [string, string])[] = [
    [
      "expandable_segment:True",
      `--allocator-conf: a key must be one that PyTorch's allocator knows [memory/allocator-key]
  expected  backend, expandable_segments, large_segment_size_mb, max_split_size_mb, max_non_split_rounding_mb, roundup_power2_divisions, garbage_collection_threshold, per_process_memory_fraction, throw_on_cudamalloc_oom, release_lock_on_cudamalloc, release_lock_on_hipmalloc, graph_capture_record_stream_reuse, pinned_use_background_threads, pinned_use_cuda_host_register, pinned_use_hip_host_register, pinned_free_catch_all, pinned_num_register_threads, pinned_reserve_segment_size_mb, pinned_max_round_threshold_mb, pinned_max_cached_size_mb
  got       "expandable_segment"
  hint      did you mean "expandable_segments"?`,
    ],
    [
      "expandable_segments:true",
      `--allocator-conf: expandable_segments must be True or False [memory/allocator-value]
  expected  True or False
  got       "true"
  hint      write expandable_segments:True`,
    ],
    [
      "max_split_size_mb:16",
      `--allocator-conf: max_split_size_mb must be a whole number, at least large_segment_size_mb (20) [memory/allocator-value]
  expected  a whole number, at least large_segment_size_mb (20)
  got       "16"
  hint      write max_split_size_mb:128`,
    ],
    [
      "max_split_size_mb=128",
      `--allocator-conf: the allocator's settings must be key:value pairs between commas [memory/allocator-entry]
  expected  key:value,key:[size:value,…]
  got       "max_split_size_mb=128"
  hint      write a colon between key and value`,
    ],
  ];
  test.for(complaints)("%s", ([text, message]) => {
    expect(() => settingsOf(text)).toThrow(message);
  });
  test.for([
    ",",
    ":",
    "backend:",
    "backend:cuda",
    "constructor:True",
    "max_split_size_mb:64abc",
    "max_split_size_mb:1e9",
    "large_segment_size_mb:10",
    "large_segment_size_mb:64,max_split_size_mb:32",
    "garbage_collection_threshold:0",
    "garbage_collection_threshold:1",
    "garbage_collection_threshold:nan",
    "per_process_memory_fraction:1.5",
    "roundup_power2_divisions:3",
    "roundup_power2_divisions:0",
    "roundup_power2_divisions:[]",
    "roundup_power2_divisions:[3:2]",
    "roundup_power2_divisions:[4:2",
    "roundup_power2_divisions:[4:3,>:1]",
    "pinned_num_register_threads:6",
  ])("%j is a complaint, not a crash", (text) => {
    expect(() => settingsOf(text)).toThrow(/ \[memory\/allocator-/);
  });
});
