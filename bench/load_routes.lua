-- Requests take all the routes in turn: `wrk … -s load_routes.lua URL -- FORMAT COUNT`.
dofile(debug.getinfo(1, "S").source:match("^@(.*)load_routes%.lua$") .. "load.lua")

local requests, count, turn = {}, 0, 0

init = function(args)
   count = tonumber(args[2])
   for i = 0, count - 1 do
      requests[i] = wrk.format("GET", string.format(args[1], i))
   end
end

request = function()
   turn = (turn + 1) % count
   return requests[turn]
end
