"""What Redis does at a stretch for a store: nobody else's command comes in between.

``KEYS[1]`` is a hash with the entries, ``KEYS[2]`` a sorted set with their keys, all of score 0, so that they stand in
the order of their bytes. The hash has one field more, the stamp: who wrote last, and how often.
"""

from __future__ import annotations

STAMP_FIELD = b"\0stamp"
"""No key of a task is it: theirs begin with the name of a changelog, or are the marker's."""

_UNPACKED = 4_000
"""Keys at once: Lua takes 8,000 arguments."""
_STAMP = "local stamp = redis.call('HGET', KEYS[1], '\\0stamp')\n"
_IS_WHOLE = "redis.call('HLEN', KEYS[1]) == redis.call('ZCARD', KEYS[2]) + 1"

TAKE = f"""
{_STAMP}if not (stamp and {_IS_WHOLE}) then redis.call('UNLINK', KEYS[1], KEYS[2]) end
redis.call('HSET', KEYS[1], '\\0stamp', ARGV[1])
return 1
"""
"""The store is the caller's from now on, with the stamp ``ARGV[1]``; what is not whole is emptied."""

WRITE = f"""
{_STAMP}if stamp ~= ARGV[1] then return 0 end
local puts = tonumber(ARGV[5])
if redis.call('HSET', KEYS[1], '\\0stamp', ARGV[2], unpack(ARGV, 6, 5 + 2 * puts)) > 0 then
  local members = {{}}
  for place = 1, puts do
    members[2 * place - 1] = 0
    members[2 * place] = ARGV[4 + 2 * place]
  end
  redis.call('ZADD', KEYS[2], unpack(members))
end
if #ARGV > 5 + 2 * puts then
  redis.call('HDEL', KEYS[1], unpack(ARGV, 6 + 2 * puts))
  redis.call('ZREM', KEYS[2], unpack(ARGV, 6 + 2 * puts))
end
if ARGV[3] ~= '' then
  local gone = redis.call('ZRANGEBYLEX', KEYS[2], ARGV[3], ARGV[4])
  for first = 1, #gone, {_UNPACKED} do
    redis.call('HDEL', KEYS[1], unpack(gone, first, math.min(first + {_UNPACKED} - 1, #gone)))
  end
  redis.call('ZREMRANGEBYLEX', KEYS[2], ARGV[3], ARGV[4])
end
return 1
"""
"""Where the stamp is ``ARGV[1]`` it becomes ``ARGV[2]``; ``ARGV[5]`` entries are put, the keys behind them go, and
what is from ``ARGV[3]`` to ``ARGV[4]``, if these are not empty.

The first command is one that a full Redis refuses, and what comes behind it no more: all of it happens, or nothing.
"""

EMPTY = f"""
{_STAMP}if stamp ~= ARGV[1] then return 0 end
redis.call('UNLINK', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[1], '\\0stamp', ARGV[2])
return 1
"""
"""Where the stamp is ``ARGV[1]`` nothing is left but the stamp ``ARGV[2]``."""

PAGE = f"""
local keys = redis.call('ZRANGEBYLEX', KEYS[2], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])
local values = {{}}
if #keys > 0 then values = redis.call('HMGET', KEYS[1], unpack(keys)) end
{_STAMP}return {{({_IS_WHOLE}) and stamp, keys, values}}
"""
"""At most ``ARGV[3]`` keys from ``ARGV[1]`` to ``ARGV[2]`` with their values; the stamp, if the store is whole."""
