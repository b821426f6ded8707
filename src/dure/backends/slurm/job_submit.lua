-- What a person reads who calls sbatch, salloc or srun: why a job is refused and what to do.
--
-- * Only jobs under accounts and QOS of the table beside this script are looked at; a job of anybody
--   else passes as it came.
-- * Never the last guard: where the table is missing or damaged, or this script fails, the job
--   passes, that is logged once, and Slurm's own limits hold.
-- * Made right where nothing is lost by it: the lent account for `--qos=lent`, the allocation and the
--   partition that fit, the accelerator's type, requeueing of lent work.
-- * The table is read again when its first line has changed; the site's agent replaces it whole.
-- * Korean where the submitter's LANG says so, English where it says English, otherwise both: what is
--   not a batch job does not show its LANG.
--
-- A site with a script of its own calls this one from there; see docs/how-to/bind-slurm.md.

local HERE = string.match(debug.getinfo(1, "S").source, "^@(.*)/[^/]*$") or "/etc/slurm"
local TABLE = HERE .. "/dure-accounts"
local FORMAT = "dure-accounts 1 "
local UNSET = 65534 -- the smallest of Slurm's three ways to say that a number was not given

local WORDS = {
  beyond = {
    en = "You ask for {asked} accelerators; the allocation {allocation} has {limit}.\n"
      .. "Ask for {limit} or fewer, or have its lead{leads} ask for a change{portal}.",
    ko = "가속기 {asked}장을 요청했으나 할당 {allocation}에는 {limit}장이 있습니다.\n"
      .. "{limit}장 이하로 요청하거나, 과제 책임자{leads_ko}가 변경을 신청해야 합니다{portal}.",
  },
  try_lent = {
    en = "Or borrow what is idle; it is taken back when its owner needs it: -A {lent}",
    ko = "유휴 자원을 빌려 쓸 수도 있습니다. 소유 과제가 쓰면 회수됩니다: -A {lent}",
  },
  frozen = {
    en = "The allocation {allocation} is frozen{since}: running jobs go on, nothing new starts.\n"
      .. "Ask its lead{leads}{portal}.",
    ko = "할당 {allocation}: 동결되었습니다{since}.\n"
      .. "실행 중인 작업은 계속되고 새 작업은 시작하지 않습니다. "
      .. "과제 책임자{leads_ko}에게 문의하십시오{portal}.",
  },
  draining = {
    en = "The allocation {allocation} is being lowered{since}: nothing new starts until that is done.\n"
      .. "Try again later, or ask its lead{leads}{portal}.",
    ko = "할당 {allocation}: 축소하는 중입니다{since}. 끝날 때까지 새 작업은 시작하지 않습니다.\n"
      .. "나중에 다시 제출하거나 과제 책임자{leads_ko}에게 문의하십시오{portal}.",
  },
  ended = {
    en = "The allocation {allocation} ended on {ends}.\n"
      .. "To go on, its lead{leads} applies for a renewal or a new one{portal}.",
    ko = "할당 {allocation}: {ends}에 종료되었습니다.\n"
      .. "계속 쓰려면 과제 책임자{leads_ko}가 연장하거나 새로 신청해야 합니다{portal}.",
  },
  early = {
    en = "Accepted. The allocation {allocation} begins on {starts}; the job waits until then.",
    ko = "접수했습니다. 할당 {allocation}: {starts}에 시작하며, 작업은 그때까지 대기합니다.",
  },
  spent = {
    en = "The hours of the allocation {allocation} are used up.\n"
      .. "Its lead{leads} can ask for more{portal}.",
    ko = "할당 {allocation}: 사용 시간을 모두 썼습니다.\n"
      .. "과제 책임자{leads_ko}가 추가를 신청할 수 있습니다{portal}.",
  },
  stranger = {
    en = "{user} is not a member of the project {project}. Your accounts: {yours}.\n"
      .. "Its lead{leads} adds members{portal}; it takes effect within a minute.",
    ko = "{user}: 과제 {project}의 참여 인력이 아닙니다. 사용할 수 있는 계정: {yours}.\n"
      .. "과제 책임자{leads_ko}가 참여 인력을 추가하면 1분 안에 반영됩니다{portal}.",
  },
  outsider = {
    en = "{user} is not a member of the project {project}, nor of another one here.\n"
      .. "Its lead{leads} adds members{portal}; it takes effect within a minute.",
    ko = "{user}: 과제 {project}의 참여 인력이 아니며, 이곳의 다른 과제에도 속하지 않습니다.\n"
      .. "과제 책임자{leads_ko}가 참여 인력을 추가하면 1분 안에 반영됩니다{portal}.",
  },
  nobody = {
    en = "{user} has no account here. If you belong to a project of the programme,\n"
      .. "its lead adds you in the portal{portal}.",
    ko = "{user}: 이곳에 계정이 없습니다. 사업의 과제에 속한다면\n"
      .. "과제 책임자가 포털에서 참여 인력으로 추가해야 합니다{portal}.",
  },
  unknown = {
    en = "No project of the programme here has the account {account}. Your accounts: {yours}.",
    ko = "계정 {account}: 이곳에서 이 사업의 과제 계정이 아닙니다. 사용할 수 있는 계정: {yours}.",
  },
  other_qos = {
    en = "The QOS {qos} is not of the account {account}. Its allocations: {qoses}.\n"
      .. "Without --qos the one that fits is taken.",
    ko = "QOS {qos}: 계정 {account}의 할당이 아닙니다. 이 계정의 할당: {qoses}.\n"
      .. "--qos를 쓰지 않으면 맞는 할당을 고릅니다.",
  },
  lent_only = {
    en = "The account {account} is for borrowed work only.\n"
      .. "For the allocation {allocation}: -A {owner}. To borrow: leave --qos out.",
    ko = "계정 {account}: 빌려 쓰는 작업 전용입니다.\n"
      .. "할당 {allocation}: -A {owner}를 쓰십시오. 빌려 쓰려면 --qos를 빼십시오.",
  },
  no_share = {
    en = "The project {project} may not borrow here now. Use its allocation: -A {owner}",
    ko = "과제 {project}: 지금은 이곳에서 빌려 쓸 수 없습니다. 할당을 쓰십시오: -A {owner}",
  },
  share = {
    en = "You ask for {asked} accelerators; the project {project} may borrow {limit} here.\n"
      .. "Ask for {limit} or fewer.",
    ko = "가속기 {asked}장을 요청했으나 과제 {project}: 이곳에서 {limit}장까지 빌려 쓸 수 있습니다.\n"
      .. "{limit}장 이하로 요청하십시오.",
  },
  which_lent = {
    en = "You may borrow for several projects; say for which: -A {yours}",
    ko = "여러 과제로 빌려 쓸 수 있습니다. 과제를 정하십시오: -A {yours}",
  },
  processors = {
    en = "You ask for {asked} processors; {limit} go with the {accelerators} accelerators of {account}.\n"
      .. "Ask for fewer: -c {each} for each accelerator.",
    ko = "프로세서 {asked}개를 요청했으나 {account}의 가속기 {accelerators}장에 딸린 것은 {limit}개입니다.\n"
      .. "줄여서 요청하십시오: 가속기 한 장당 -c {each}",
  },
  nothing = {
    en = "The job asks for no accelerator. Say how many of each node: --gres={request}N",
    ko = "가속기를 요청하지 않았습니다. 노드당 수를 쓰십시오: --gres={request}N",
  },
  model = {
    en = "The partition {partition} has {model}, not {asked}: --gres={gres}:{model}:N",
    ko = "파티션 {partition}의 가속기는 {asked}가 아니라 {model}입니다: --gres={gres}:{model}:N",
  },
  partition = {
    en = "The account {account} has nothing on the partition {asked}. Use: -p {partition}",
    ko = "계정 {account}: 파티션 {asked}에 할당이 없습니다. 다음을 쓰십시오: -p {partition}",
  },
}

-- The table ------------------------------------------------------------------------------------

local kept, kept_first, said_problem

local function split(text, by)
  local parts, from = {}, 1
  while true do
    local at = string.find(text, by, from, true)
    if not at then
      break
    end
    parts[#parts + 1] = string.sub(text, from, at - 1)
    from = at + 1
  end
  parts[#parts + 1] = string.sub(text, from)
  return parts
end

local function set_of(text)
  local found = {}
  for name in string.gmatch(assert(text, "a field is missing"), "[^,]+") do
    found[string.lower(name)] = true
  end
  return found
end

local function limits_of(one, text)
  one.limit = tonumber(string.match(text, "^%d+"))
  one.processors = tonumber(string.match(text, ":(%d+)$"))
  return assert(one.limit) and one
end

-- A project: {owner, project, leads, grants, shares}. What may be used, a grant or a share:
-- {of, account, partition, gres, model, limit, processors, members}, and of a grant {qos,
-- allocation, state, starts, ends, since, spent}.
local READ = {
  site = function(all, f)
    all.lent_qos, all.portal = f[2], f[3]
  end,
  project = function(all, f)
    local made = { owner = f[2], project = f[3], leads = f[4], grants = {}, shares = {} }
    all.accounts[f[2]] = { of = made, lent = false }
  end,
  grant = function(all, f)
    local of = assert(all.accounts[f[4]]).of
    local grant = {
      of = of, account = of.owner, qos = f[2], allocation = f[3], partition = f[5], gres = f[6],
      model = f[7], state = f[9], starts = tonumber(f[10]),
      ends = tonumber(f[11]), since = tonumber(f[12]), spent = f[13] == "spent",
      members = set_of(f[14]),
    }
    assert(limits_of(grant, f[8]) and grant.starts and grant.ends and grant.since)
    of.grants[#of.grants + 1] = grant
    all.grants[grant.qos], all.gres[grant.gres] = grant, true
  end,
  share = function(all, f)
    local of = assert(all.accounts[f[3]]).of
    local share = {
      of = of, account = f[2], partition = f[4], gres = f[5], model = f[6],
      members = set_of(f[8]),
    }
    limits_of(share, f[7])
    of.shares[#of.shares + 1] = share
    all.accounts[share.account], all.gres[share.gres] = { of = of, lent = true }, true
  end,
}

local function parsed(file)
  local all, lines, whole = { accounts = {}, grants = {}, gres = {} }, 0, false
  for line in file:lines() do
    local fields = split(line, "\t")
    if fields[1] == "end" then
      whole = tonumber(fields[2]) == lines
      break
    end
    local read = assert(READ[fields[1]], "unknown line")
    read(all, fields)
    lines = lines + 1
  end
  assert(whole, "its end is missing")
  return all
end

local function the_table()
  local file, why = io.open(TABLE, "r")
  if not file then
    error(why, 0)
  end
  local first = file:read("*l") or ""
  if string.sub(first, 1, #FORMAT) ~= FORMAT then
    file:close()
    error(TABLE .. ": not a table of this version", 0)
  end
  if first ~= kept_first then
    local ok, found = pcall(parsed, file)
    if not ok then
      file:close()
      error(TABLE .. ": damaged: " .. tostring(found), 0)
    end
    kept, kept_first = found, first
  end
  file:close()
  return kept
end

-- What is said ---------------------------------------------------------------------------------

local function language(job)
  local environment = job.script and job.environment
  if not environment then
    return nil
  end
  local said = environment.LC_ALL or environment.LC_MESSAGES or environment.LANG or ""
  local code = string.lower(string.sub(said, 1, 2))
  return WORDS.beyond[code] and code or nil
end

local function filled(text, values)
  return (string.gsub(text, "{([%w_]+)}", function(name)
    return tostring(values[name] or "")
  end))
end

local words_of_this_job = {}

local function tell(code, values)
  words_of_this_job[#words_of_this_job + 1] = { WORDS[code], values }
end

-- One language after the other.
local function say_all(job)
  local only, words = language(job), words_of_this_job
  words_of_this_job = {}
  for _, one in ipairs({ "en", "ko" }) do
    for _, said in ipairs((only == nil or only == one) and words or {}) do
      slurm.log_user("%s", filled(said[1][one], said[2]))
    end
  end
end

local function day(epoch)
  return os.date("%Y-%m-%d %H:%M", epoch)
end

local function about(all, of, more)
  local values = {
    project = of.project,
    owner = of.owner,
    leads = of.leads ~= "" and (" (" .. of.leads .. ")") or "",
    leads_ko = of.leads ~= "" and ("(" .. of.leads .. ")") or "",
    portal = all.portal ~= "" and (": " .. all.portal) or "",
  }
  for name, value in pairs(more) do
    values[name] = value
  end
  return values
end

-- What is asked --------------------------------------------------------------------------------

local PLACES = { "tres_per_job", "tres_per_node", "tres_per_task", "tres_per_socket" }

local function given(number)
  return number and number > 0 and number < UNSET and number or nil
end

-- How many of the accelerators `gres` one request names, the first model, and the request again with
-- `model` where it named none.
local function read_request(text, gres, model)
  local count, named, items = 0, nil, {}
  for item in string.gmatch(text or "", "[^,]+") do
    local lead, rest = string.match(item, "^(gres[:/])(.*)$")
    if not lead then
      lead, rest = "", item
    end
    local parts = split((string.gsub(string.gsub(rest, "%b()", ""), "=", ":")), ":")
    if gres[parts[1]] then
      local number = tonumber(parts[#parts])
      local kind = parts[2] and not tonumber(parts[2]) and parts[2] or nil
      count, named = count + (number or 1), named or kind
      if model and not kind then
        item = lead .. parts[1] .. ":" .. model .. ":" .. (number or 1)
      end
    end
    items[#items + 1] = item
  end
  return count, named, table.concat(items, ",")
end

-- At least so many accelerators will the job hold (Slurm itself judges what cannot be known here),
-- the model that it names, and whether Slurm will derive it from the tasks.
local function asked(job, gres)
  local tasks, per_node = given(job.num_tasks), given(job.ntasks_per_node)
  local nodes = given(job.min_nodes) or 1
  if tasks and per_node then
    nodes = math.max(nodes, math.ceil(tasks / per_node))
  end
  local times = {
    tres_per_job = 1, tres_per_node = nodes, tres_per_socket = nodes,
    tres_per_task = tasks or (per_node or 1) * nodes,
  }
  local most, named = 0, nil
  for _, where in ipairs(PLACES) do
    local count, kind = read_request(job[where], gres)
    most, named = math.max(most, count * times[where]), named or kind
  end
  local tasks_each = given(job.ntasks_per_gpu)
  if most == 0 and tasks_each and tasks then
    return { count = math.ceil(tasks / tasks_each), derived = true }
  end
  return { count = most, model = named }
end

local function name_model(job, one)
  for _, where in ipairs(PLACES) do
    local text = job[where]
    local _, _, typed = read_request(text, { [one.gres] = true }, one.model)
    if text and typed ~= text then
      job[where] = typed
    end
  end
end

-- Whose job it is ------------------------------------------------------------------------------

-- The accounts that a person may use, in order.
local function yours(all, user, lent_only)
  local seen, found = {}, {}
  for _, account in pairs(all.accounts) do
    for _, list in ipairs({ account.of.shares, lent_only and {} or account.of.grants }) do
      for _, one in ipairs(list) do
        if one.members[user] and not seen[one.account] then
          seen[one.account] = true
          found[#found + 1] = one.account
        end
      end
    end
  end
  table.sort(found)
  return found
end

local function listed(names)
  return table.concat(names, ", ")
end

local function wants_to_borrow(all, job, user)
  local account = string.lower(job.default_account or "")
  if all.accounts[account] then
    return all.accounts[account].of
  end
  local mine = yours(all, user, true)
  if #mine > 1 then
    return nil, { "which_lent", { yours = listed(mine) } }
  end
  return mine[1] and all.accounts[mine[1]].of
end

-- The project and whether the job borrows; nil where the job is none of ours; or why it is refused.
local function whose(all, job, user)
  local account, qos = string.lower(job.account or ""), string.lower(job.qos or "")
  local grant = all.grants[qos]
  if account == "" and grant then
    return grant.of, false
  end
  if account == "" and qos == all.lent_qos then
    local of, refused = wants_to_borrow(all, job, user)
    return of, true, refused
  end
  local found = all.accounts[account ~= "" and account or string.lower(job.default_account or "")]
  if not found then
    return nil
  end
  if found.lent and grant then
    return nil, nil, { "lent_only",
      { account = account, allocation = grant.allocation, owner = grant.account } }
  end
  return found.of, found.lent or qos == all.lent_qos
end

local function state_of(grant, now)
  if not grant.state then
    return "open" -- a lent share has no period
  end
  if grant.state == "ended" or now >= grant.ends then
    return "ended"
  end
  if grant.state ~= "active" then
    return grant.state
  end
  if grant.spent then
    return "spent"
  end
  return now < grant.starts and "early" or "open"
end

local RANK = { open = 1, early = 2, spent = 3, draining = 4, frozen = 5, ended = 6 }

-- Before whom: what is open and fits, then what is open, then the others; the larger one first.
local function better(count, now)
  local function key(grant)
    local rank = RANK[state_of(grant, now)] or 6
    return rank * 2 + (count > grant.limit and 1 or 0)
  end
  return function(a, b)
    local ka, kb = key(a), key(b)
    if ka ~= kb then
      return ka < kb
    end
    if a.limit ~= b.limit then
      return a.limit > b.limit
    end
    return (a.qos or a.account) < (b.qos or b.account)
  end
end

local function of_member(list, user)
  local found = {}
  for _, one in ipairs(list) do
    if one.members[user] then
      found[#found + 1] = one
    end
  end
  return found
end

local function on_partition(list, partition)
  if not partition then
    return list
  end
  local found = {}
  for _, one in ipairs(list) do
    if one.partition == partition then
      found[#found + 1] = one
    end
  end
  return found
end

-- The judgement --------------------------------------------------------------------------------

local CODES = {
  stranger = "ESLURM_INVALID_ACCOUNT", outsider = "ESLURM_INVALID_ACCOUNT",
  no_share = "ESLURM_INVALID_ACCOUNT",
}

local function refuse(code, values)
  tell(code, values)
  return slurm[CODES[code] or "ESLURM_ACCOUNTING_POLICY"] or slurm.ERROR
end

-- What both kinds have in common: some accelerators, the right model, the right place.
local function place(job, one, request)
  if request.count == 0 or request.derived and one.model ~= "" then
    local model = one.model ~= "" and (one.model .. ":") or ""
    return refuse("nothing", { request = one.gres .. ":" .. model })
  end
  if one.model ~= "" then
    if request.model and string.lower(request.model) ~= string.lower(one.model) then
      return refuse("model",
        { partition = one.partition, gres = one.gres, model = one.model, asked = request.model })
    end
    name_model(job, one)
  end
  local processors = given(job.min_cpus)
  if one.processors and processors and processors > one.processors then
    return refuse("processors", {
      asked = processors, limit = one.processors, accelerators = one.limit, account = one.account,
      each = math.floor(one.processors / math.max(one.limit, 1)),
    })
  end
  job.partition, job.account = one.partition, one.account
  return nil
end

local function no_member(all, of, user)
  local mine = yours(all, user)
  local code = #mine > 0 and "stranger" or "outsider"
  return refuse(code, about(all, of, { user = user, yours = listed(mine) }))
end

local function elsewhere(job, one)
  return refuse("partition",
    { account = one.account, asked = job.partition, partition = one.partition })
end

local function borrow(all, job, of, user, request)
  if #of.shares == 0 then
    return refuse("no_share", about(all, of, {}))
  end
  local mine = of_member(of.shares, user)
  if #mine == 0 then
    return no_member(all, of, user)
  end
  local here = on_partition(mine, job.partition)
  if #here == 0 then
    return elsewhere(job, mine[1])
  end
  table.sort(here, better(request.count, os.time()))
  local share = here[1]
  if request.count > share.limit then
    return refuse("share", about(all, of, { asked = request.count, limit = share.limit }))
  end
  local refused = place(job, share, request)
  if refused then
    return refused
  end
  job.qos, job.requeue = all.lent_qos, 1
  return slurm.SUCCESS
end

local function suggest_lent(of, user, request)
  for _, share in ipairs(of_member(of.shares, user)) do
    if request.count <= share.limit then
      return tell("try_lent", { lent = share.account })
    end
  end
end

local function not_open(all, grant, state, user, request)
  local code = refuse(state, about(all, grant.of, {
    allocation = grant.allocation, ends = day(grant.ends),
    since = grant.since > 0 and (" (" .. day(grant.since) .. ")") or "",
  }))
  suggest_lent(grant.of, user, request)
  return code
end

local function of_qos(all, of, mine, qos)
  local names = {}
  for _, grant in ipairs(mine) do
    if grant.qos == qos then
      return { grant }
    end
    names[#names + 1] = grant.qos
  end
  return nil, refuse("other_qos",
    about(all, of, { qos = qos, account = of.owner, qoses = listed(names) }))
end

local function own_in(all, job, grant, user, request, now)
  local state = state_of(grant, now)
  if state ~= "open" and state ~= "early" then
    return not_open(all, grant, state, user, request)
  end
  if request.count > grant.limit then
    local code = refuse("beyond", about(all, grant.of,
      { asked = request.count, limit = grant.limit, allocation = grant.allocation }))
    suggest_lent(grant.of, user, request)
    return code
  end
  local refused = place(job, grant, request)
  if refused then
    return refused
  end
  job.qos = grant.qos
  if state == "early" then
    tell("early", { allocation = grant.allocation, starts = day(grant.starts) })
  end
  return slurm.SUCCESS
end

local function own(all, job, of, user, request)
  local mine, now, refused = of_member(of.grants, user), os.time(), nil
  if #mine == 0 then
    return no_member(all, of, user)
  end
  if job.qos then
    mine, refused = of_qos(all, of, mine, string.lower(job.qos))
    if refused then
      return refused
    end
  end
  local here = on_partition(mine, job.partition)
  if #here == 0 then
    return elsewhere(job, mine[1])
  end
  table.sort(here, better(request.count, now))
  return own_in(all, job, here[1], user, request, now)
end

-- None of ours passes; who seems to have meant us gets a word, for Slurm's own is short.
local function foreign(all, job, user)
  local account = string.lower(job.account or "")
  if string.match(account, "^[plg]%-") then
    local mine = yours(all, user)
    if #mine > 0 then
      tell("unknown", { account = account, yours = listed(mine) })
    end
  elseif account == "" and not job.default_account and next(all.accounts) then
    tell("nobody", { user = user, portal = all.portal ~= "" and (": " .. all.portal) or "" })
  end
  return slurm.SUCCESS
end

local function judge(job)
  local all, user = the_table(), string.lower(job.user_name or "")
  local of, lent, refused = whose(all, job, user)
  if refused then
    return refuse(refused[1], refused[2])
  end
  if not of then
    return foreign(all, job, user)
  end
  local way = lent and borrow or own
  return way(all, job, of, user, asked(job, all.gres))
end

-- A waiting job that moves between a project's two accounts takes their QOS with it, and a changed
-- request names the model too. Slurm itself guards the rest.
local function judge_change(job, record)
  local all = the_table()
  local found = all.accounts[string.lower(job.account or record.account or "")]
  if not found then
    return slurm.SUCCESS
  end
  local here = on_partition(found.lent and found.of.shares or found.of.grants,
    job.partition or record.partition)
  table.sort(here, better(0, os.time()))
  local one = here[1]
  if one and one.model ~= "" then
    name_model(job, one)
  end
  if one and job.account and not job.qos then
    job.qos = found.lent and all.lent_qos or one.qos
    job.requeue = found.lent and 1 or job.requeue
  end
  return slurm.SUCCESS
end

local function guarded(act, ...)
  local ok, result = pcall(act, ...)
  if ok then
    say_all(...)
    return result
  end
  words_of_this_job = {}
  if said_problem ~= result then
    said_problem = result
    slurm.log_error("dure: jobs pass unread: %s", tostring(result))
  end
  return slurm.SUCCESS
end

function slurm_job_submit(job, _partitions, _submitter)
  return guarded(judge, job)
end

function slurm_job_modify(job, record, _partitions, _modifier)
  return guarded(judge_change, job, record)
end

return { submit = slurm_job_submit, modify = slurm_job_modify }
