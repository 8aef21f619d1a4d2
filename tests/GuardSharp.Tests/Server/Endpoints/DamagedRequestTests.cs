using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace GuardSharp.Tests.Server.Endpoints;

/// <summary>Requests of every form with values put where they do not belong.</summary>
public sealed class DamagedRequestTests
{
    private static readonly (string Path, string Json)[] _requests =
    [
        ("/v1/moderations", """{"model":"Llama-Guard","input":"hello"}"""),
        ("/v1/moderations", """{"input":["a","b"]}"""),
        ("/v1/moderations", $$$"""{"input":[{"type":"text","text":"x"},{"type":"image_url","image_url":{"url":"{{{TestPicture.DataUri}}}"}}]}"""),
        ("/v1/moderations", """
            {"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},
              {"role":"tool","tool_call_id":"1","content":"ok"}]}
            """),
        ("/v1/chat/completions", """
            {"messages":[{"role":"user","content":"hi"}],"logprobs":true,"top_logprobs":2,"stream":false,"stream_options":{"include_usage":true},"n":1,
              "response_format":{"type":"text"},"chat_template_kwargs":{"categories":{"S1":"Violent Crimes."},"excluded_category_keys":["S2"]}}
            """),
        ("/v1/completions", new JsonObject { ["prompt"] = new JsonArray(ReadyPromptTests.Nemo), ["logprobs"] = 2, ["echo"] = false }.ToJsonString()),
        ("/v1/chat/moderations", """{"model":"mistral-moderation-latest","input":[[{"role":"user","content":"a"}],[{"role":"user","content":[{"type":"text","text":"b"}]}]]}"""),
        ("/beta/litellm_basic_guardrail_api", """
            {"texts":["a"],"images":["AAAA"],"tool_calls":[{"id":"1","function":{"name":"f","arguments":"{}"}}],"structured_messages":[{"role":"user","content":"a"}],
              "input_type":"request","additional_provider_specific_params":{"model":"Llama-Guard"}}
            """),
    ];

    private static readonly string[] _values =
    [
        "null", "true", "0", "-1", "1.5", "1e308", "1e999", "99999999999999999999", "\"\"", "\" \"", "\"x\"", "\"\\u0000\"", "\"\\ud800\"", "\"S0\"", "\"S99999\"", "\"O1\"",
        "\"data:image/png;base64,\"", "\"data:image/png;base64,AAAA\"", "\"http://127.0.0.1/\"", "\"https://[::1]/a\"", "[]", "{}", "[[]]", "[{}]", "[null]", "{\"a\":1}",
    ];

    [Fact]
    public async Task Damaged_requests_are_answered_or_refused_and_never_fail_inside()
    {
        await using var server = await FormServer.StartAsync(new RecordingGuard());
        var random = new Random(20261123);
        var answered = 0;
        for (var i = 0; i < 600; i++)
        {
            var (path, json) = _requests[i % _requests.Length];
            for (var changes = 1 + (i % 3); changes > 0; changes--)
                json = Damage(json, random);
            var (status, body) = await server.PostAsync(path, json);
            Assert.True(status is HttpStatusCode.OK or HttpStatusCode.BadRequest or HttpStatusCode.NotFound, $"{status} {path} {json}");
            answered += status == HttpStatusCode.OK ? 1 : 0;
            if (status != HttpStatusCode.OK)
            {
                var error = body.GetProperty("error");
                Assert.NotEmpty(error.GetProperty("message").GetString()!);
                Assert.Equal("invalid_request_error", error.GetProperty("type").GetString());
            }
        }

        // Both ends were reached: some damage does no harm.
        Assert.InRange(answered, 10, 500);
    }

    /// <summary>Puts a value in the place of another one: cuts a value out of the text and writes one of the list there.</summary>
    private static string Damage(string json, Random random)
    {
        if (random.Next(20) == 0)
            return json[..random.Next(json.Length)];
        var starts = Enumerable.Range(1, json.Length - 1).Where(i => json[i - 1] is ':' or '[' or ',' && json[i] is '"' or '[' or '{' or 't' or 'f' or 'n' or (>= '0' and <= '9')).ToArray();
        if (starts.Length == 0)
            return json;
        var start = starts[random.Next(starts.Length)];
        var bytes = Encoding.UTF8.GetBytes(json[start..]);
        var reader = new System.Text.Json.Utf8JsonReader(bytes);
        try
        {
            reader.Read();
            reader.Skip();
        }
        catch (System.Text.Json.JsonException)
        {
            return json;
        }

        return json[..start] + _values[random.Next(_values.Length)] + Encoding.UTF8.GetString(bytes.AsSpan((int)reader.BytesConsumed));
    }
}
