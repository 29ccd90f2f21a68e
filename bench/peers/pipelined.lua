-- Has wrk send so many requests at once, as the argument says.
init = function(args)
  local requests = {}
  for i = 1, tonumber(args[1]) do
    requests[i] = wrk.format("GET")
  end
  all = table.concat(requests)
end

request = function()
  return all
end
