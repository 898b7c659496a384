-- Send wrk's requests and print a summary of the answers; benchmarks/load.py reads the last line of it.
-- Arguments: a file with one request per line (method, path, authorization, body; tabs between), the first line to send,
-- the mean think time in milliseconds (0: none), and how many requests to send in all (0: no limit).
local ffi = require("ffi")
ffi.cdef [[
typedef struct { long seconds; long nanoseconds; } instant;
int clock_gettime(int clock, instant *now);
int getpid(void);
int kill(int process, int signal);
]]

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

local function now()
  local instant = ffi.new("instant")
  ffi.C.clock_gettime(1, instant)
  return tonumber(instant.seconds) + tonumber(instant.nanoseconds) / 1e9
end

local requests, after_the_last = {}, nil
local position, think, limit = 0, 0, 0
sent, answered, began, ended = 0, 0, 0, 0

local function count_answers()
  function response()
    answered = answered + 1
    if answered == limit then
      ended = now()
      wrk.thread:stop()
      ffi.C.kill(ffi.C.getpid(), 2) -- else wrk would sleep on until its time is over
    end
  end
end

local function think_between()
  math.randomseed(os.time())
  function delay() -- exponential, so that requests arrive as if from many clients who know nothing of each other
    return math.floor(-think * math.log(1 - math.random()) + 0.5)
  end
end

function init(arguments)
  for line in io.lines(arguments[1]) do
    local method, path, authorization, body = line:match("^(.-)\t(.-)\t(.-)\t(.*)$")
    local headers = { ["Host"] = "127.0.0.1" }
    if authorization ~= "" then headers["Authorization"] = authorization end
    if body ~= "" then headers["Content-Type"] = "application/json" else body = nil end
    table.insert(requests, wrk.format(method, path, headers, body))
  end
  after_the_last = wrk.format("GET", "/healthz", { ["Host"] = "127.0.0.1" })
  position, think, limit = tonumber(arguments[2]), tonumber(arguments[3]), tonumber(arguments[4])
  if limit > 0 then count_answers() end
  if think > 0 then think_between() end
end

function request()
  if sent == 0 then began = now() end
  sent = sent + 1
  if limit > 0 and sent > limit then return after_the_last end
  position = position % #requests + 1
  return requests[position]
end

function done(summary, latency)
  local seconds, complete = summary.duration / 1e6, summary.requests
  local first = threads[1]
  if (first:get("ended") or 0) > 0 then
    seconds, complete = first:get("ended") - first:get("began"), first:get("answered")
  end
  local errors = summary.errors
  io.write(string.format(
    '\n{"seconds": %.6f, "requests": %d, "sent": %d, "refused": %d, "broken": %d, "p50": %.1f, "p90": %.1f, "p99": %.1f}\n',
    seconds, complete, first:get("sent"), errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(90), latency:percentile(99)))
end
