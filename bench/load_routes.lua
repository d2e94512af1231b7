-- Requests take all the routes in turn: `wrk … -s load_routes.lua URL -- PATH HOST COUNT`, where
-- path or host has a place for the number.
dofile(debug.getinfo(1, "S").source:match("^@(.*)load_routes%.lua$") .. "load.lua")

local requests, count, turn = {}, 0, 0

init = function(args)
   count = tonumber(args[3])
   for i = 0, count - 1 do
      local host = { Host = string.format(args[2], i) }
      requests[i] = wrk.format("GET", string.format(args[1], i), host)
   end
end

request = function()
   turn = (turn + 1) % count
   return requests[turn]
end
